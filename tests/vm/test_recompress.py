"""What the estimate says of zram after recompression is what zram says, on a kernel that has it.

No kernel of Debian's does (CONFIG_ZRAM_MULTI_COMP), so this runs where one is named.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.dumps import PAGE, mixed_dump
from tests.estimates import estimate, system
from tests.vm.kernels import built_kernel
from tests.vm.machine import run_in_guest

# First and second algorithm, what zram is told, and the option that means the same.
CASES = [
    ("lz4", "zstd", "algo=zstd", "zstd"),
    ("lz4", "zstd", "type=idle algo=zstd", "zstd:idle"),
    ("lz4", "zstd", "type=huge algo=zstd", "zstd:huge"),
    ("lz4", "zstd", "threshold=2000 algo=zstd", "zstd:threshold=2000"),
    ("lz4", "zstd", "type=huge threshold=3000 algo=zstd", "zstd:huge:threshold=3000"),
    ("lzo-rle", "zstd", "algo=zstd", "zstd:all"),
    ("lz4", "deflate", "algo=deflate", "deflate"),
    ("lz4", "lz4hc", "algo=lz4hc", "lz4hc"),
]
# How far compressed bytes and the pool may be, as fractions: the kernel's deflate and lz4hc are not
# quite the libraries'.
EXACT = (0.0002, 0.003)
INEXACT = {"deflate": (0.004, 0.005), "lz4hc": (0.003, 0.008)}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed_dump(tmp_path_factory.mktemp("few") / "mixed")


@pytest.fixture(scope="module")
def real(pages: Path, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What tests.vm.guest.recompress counted."""
    words = ["/".join(case[:3]) for case in CASES]
    folder = tmp_path_factory.mktemp("recompress")
    return run_in_guest(built_kernel(), folder, "recompress", pages, few, *words)


def assert_agrees(
    estimated: dict[str, Any], compacted: dict[str, int], bounds: tuple[float, float]
) -> None:
    slack = compacted["huge_pages"] // 500 + 1 if bounds != EXACT else 0
    assert estimated["pages_stored"] * PAGE == compacted["orig_data_size"]
    assert estimated["same_pages"] == compacted["same_pages"]
    assert abs(estimated["huge_pages"] - compacted["huge_pages"]) <= slack
    compressed, pool = compacted["compr_data_size"], compacted["mem_used_total"]
    assert abs(estimated["compressed_bytes"] - compressed) <= bounds[0] * compressed
    # A few sizes differ by a byte, and each may add or save a zspage of a class.
    assert abs(estimated["pool_bytes"] - pool) <= max(bounds[1] * pool, 16 * PAGE)


@pytest.mark.parametrize(("first", "second", "request_", "option"), CASES)
def test_pages_take_what_zram_takes_after_recompression(
    first: str, second: str, request_: str, option: str, pages: Path, real: Any
) -> None:
    counters = real[f"{first}/{second}/{request_}"]
    rules = ("--kernel", "6.12", "--algorithm", first, "--recompress", option)
    estimated = system(estimate(pages, *rules), "zram+recompress", first)
    assert estimated["recompression"]["recompressed_pages"] > 0
    assert counters["compacted"]["compr_data_size"] < counters["fed"]["compr_data_size"]
    assert_agrees(estimated, counters["compacted"], INEXACT.get(second, EXACT))


def test_an_algorithm_of_the_kernel_alone(real: Any) -> None:
    estimated = system(real["estimate"], "zram+recompress", "lz4")
    assert estimated["recompression"]["algorithm"] == "842"
    assert_agrees(estimated, real["842"]["compacted"], EXACT)
