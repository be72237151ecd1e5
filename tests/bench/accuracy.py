"""How near the estimate comes to zram's own counters, on cores of unlike programs."""

from pathlib import Path

from ghostswap.errors import GhostswapError
from tests.bench.programs import cores
from tests.bench.table import print_markdown
from tests.estimates import estimate, system
from tests.zram import fed_to_zram

_ALGORITHMS = ("lz4", "lzo", "lzo-rle", "zstd", "lz4hc", "deflate")
_PAGE = 4096


def accuracy(folder: Path, mib: int) -> None:
    """Print the table: a row a program and algorithm that the running kernel has."""
    rows = []
    for name, core in cores(folder, mib).items():
        for algorithm in _ALGORITHMS:
            try:
                real = fed_to_zram(core, algorithm)
            except GhostswapError:
                continue
            told = system(estimate(core, "--algorithm", algorithm), "zram", algorithm)
            rows.append(
                [
                    name,
                    algorithm,
                    f"{real.orig_data_size // _PAGE:,}",
                    f"{told['same_pages'] - real.same_pages:+d}",
                    f"{told['huge_pages'] - real.huge_pages:+d}",
                    f"{told['compressed_bytes'] / real.compr_data_size - 1:+.4%}",
                    f"{told['pool_bytes'] / real.mem_used_total - 1:+.4%}",
                ]
            )
    print_markdown(
        ["program", "algorithm", "pages", "same_pages", "huge_pages", "compressed", "pool"], rows
    )
