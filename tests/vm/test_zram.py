"""What the estimate says of zram under Linux 6.1 and 6.12 is what their zram says of the pages."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.dumps import PAGE
from tests.estimates import estimate, system
from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

# How far compressed bytes may be from compr_data_size, as a fraction: kernels hold older releases of
# the compressors than the libraries are.
BOUNDS = {
    ("6.1", "lz4"): 0.0002,
    ("6.1", "lz4hc"): 0.003,
    ("6.1", "lzo"): 0.0015,
    ("6.1", "lzo-rle"): 0.0,
    ("6.1", "zstd"): 0.003,
    ("6.12", "lz4"): 0.0002,
    ("6.12", "lz4hc"): 0.003,
    ("6.12", "zstd"): 0.0002,
    ("6.12", "deflate"): 0.0,
}
EXACT = 0.0002  # up to this bound, no page is on the other side of huge

Fed = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def fed(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Fed:
    """mm_stat by algorithm of a kernel's zram devices that were fed with the pages."""

    @cache
    def boot(version: str) -> dict[str, Any]:
        algorithms = [algorithm for kernel, algorithm in BOUNDS if kernel == version]
        folder = tmp_path_factory.mktemp("vm")
        stats: dict[str, Any] = run_in_guest(
            debian_kernel(version), folder, "zram", pages, *algorithms
        )
        return stats

    return boot


@pytest.mark.parametrize(("version", "algorithm"), BOUNDS)
def test_pages_take_what_zram_takes_for_them(
    version: str, algorithm: str, pages: Path, fed: Fed
) -> None:
    real = fed(version)[algorithm]
    told = system(estimate(pages, "--algorithm", algorithm, "--kernel", version), "zram", algorithm)
    bound = BOUNDS[version, algorithm]
    assert told["pages_stored"] * PAGE == real["orig_data_size"]
    assert told["same_pages"] == real["same_pages"]
    slack = 0 if bound <= EXACT else real["huge_pages"] // 500 + 1
    assert abs(told["huge_pages"] - real["huge_pages"]) <= slack
    assert (
        abs(told["compressed_bytes"] - real["compr_data_size"]) <= bound * real["compr_data_size"]
    )
    pool = real["mem_used_total"]
    assert abs(told["pool_bytes"] - pool) <= max(0.002 * pool, 16 * PAGE)
