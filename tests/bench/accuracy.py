"""How near the estimate comes to zram's own counters, on cores of unlike programs."""

import tempfile
from pathlib import Path

from ghostswap.errors import GhostswapError
from ghostswap.host.zram import MmStat
from tests.bench.dumps import copy_pages
from tests.bench.programs import cores
from tests.bench.table import print_markdown
from tests.estimates import estimate, system
from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest
from tests.zram import fed_to_zram

_IN_6_12 = ("lz4", "zstd", "lz4hc", "deflate")
_GUEST_SECONDS = 1800
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
            rows.append(_row(name, algorithm, core, real))
    print_markdown(_TITLES, rows)


def accuracy_6_12(folder: Path, mib: int) -> None:
    """The same under Debian's Linux 6.12 in QEMU, for what the running kernel may not have."""
    kernel = debian_kernel("6.12")
    rows = []
    for name, core in cores(folder, mib).items():
        pages = folder / f"{name}-{mib}.raw"
        if not pages.exists():
            copy_pages(core, pages)
        with tempfile.TemporaryDirectory() as scratch:
            answer = run_in_guest(
                kernel, Path(scratch), "zram", pages, *_IN_6_12, timeout=_GUEST_SECONDS
            )
        for algorithm, counters in answer.items():
            real = MmStat(**counters)
            rows.append(_row(name, algorithm, core, real, "--kernel", "6.12"))
    print_markdown(_TITLES, rows)


_TITLES = ("program", "algorithm", "pages", "same_pages", "huge_pages", "compressed", "pool")


def _row(name: str, algorithm: str, core: Path, real: MmStat, *rules: str) -> list[str]:
    """How far the estimate is from what zram says: counts as differences, bytes in percent."""
    estimated = system(estimate(core, "--algorithm", algorithm, *rules), "zram", algorithm)
    return [
        name,
        algorithm,
        f"{real.orig_data_size // _PAGE:,}",
        f"{estimated['same_pages'] - real.same_pages:+d}",
        f"{estimated['huge_pages'] - real.huge_pages:+d}",
        f"{estimated['compressed_bytes'] / real.compr_data_size - 1:+.4%}",
        f"{estimated['pool_bytes'] / real.mem_used_total - 1:+.4%}",
    ]
