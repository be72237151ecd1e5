"""What the estimate says of zram is what zram itself says when it is fed the same pages."""

from pathlib import Path
from typing import Any

import pytest

from ghostswap.census import codecs
from ghostswap.errors import GhostswapError
from ghostswap.host.zram import MmStat
from tests.dumps import PAGE, mixed_dump, python_core
from tests.estimates import estimate, refusal, system
from tests.zram import fed_to_zram

# How far compressed bytes may be from compr_data_size, as a fraction.
BOUNDS = {
    "lz4": codecs.find("lz4").relative_error,  # none, where a C compiler was there
    "zstd": 0.0002,
    "zstd:9": 0.0002,
    "lzo": 0.0,
    "lzo-rle": 0.0,
    "lz4hc": 0.003,
    "deflate": 0.004,
}
# Where sizes differ at all, a page may lie on the other side of the bound of huge pages.
HUGE_PAGES_MAY_DIFFER = {"deflate", "lz4hc"}


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return python_core(tmp_path_factory.mktemp("core"))


def zram_takes(dump: Path, algorithm: str) -> MmStat:
    """What zram takes for the dump; skips where there is no zram with this algorithm."""
    try:
        return fed_to_zram(dump, algorithm)
    except GhostswapError as error:
        pytest.skip(str(error))


def assert_agrees(estimated: dict[str, Any], real: MmStat, algorithm: str) -> None:
    assert estimated["pages_stored"] * PAGE == real.orig_data_size
    assert estimated["same_pages"] == real.same_pages
    slack = real.huge_pages // 500 + 1 if algorithm in HUGE_PAGES_MAY_DIFFER else 0
    assert abs(estimated["huge_pages"] - real.huge_pages) <= slack
    bound = BOUNDS[algorithm] * real.compr_data_size
    assert abs(estimated["compressed_bytes"] - real.compr_data_size) <= bound
    assert abs(estimated["pool_bytes"] - real.mem_used_total) <= max(
        0.002 * real.mem_used_total, 16 * PAGE
    )


@pytest.mark.parametrize("algorithm", BOUNDS)
def test_a_core_takes_what_zram_takes_for_it(core: Path, algorithm: str) -> None:
    real = zram_takes(core, algorithm)
    assert_agrees(
        system(estimate(core, "--algorithm", algorithm), "zram", algorithm), real, algorithm
    )


@pytest.mark.parametrize("algorithm", BOUNDS)
def test_a_mixed_dump_takes_what_zram_takes_for_it(tmp_path: Path, algorithm: str) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    real = zram_takes(dump, algorithm)
    assert_agrees(
        system(estimate(dump, "--algorithm", algorithm), "zram", algorithm), real, algorithm
    )


def test_the_kernel_engine_measures_what_zram_measures(tmp_path: Path) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    real = zram_takes(dump, "lzo-rle")
    document = estimate(dump, "--engine", "kernel", "--algorithm", "lzo-rle")
    estimated = system(document, "zram", "lzo-rle")
    assert estimated["compressed_bytes"] == real.compr_data_size
    assert estimated["huge_pages"] == real.huge_pages
    assert estimated["pool_bytes"] == real.mem_used_total
    cost = document["algorithms"]["lzo-rle"]
    assert cost["compress_ns_per_page"] > 0
    assert cost["decompress_ns_per_page"] > 0


def test_verify_sets_the_estimate_beside_the_kernel(tmp_path: Path) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    zram_takes(dump, "lz4")  # skips where there is no zram
    checks = estimate(dump, "--verify")["verify"]
    assert {check["figure"] for check in checks} == {"huge_pages", "compressed_bytes", "pool_bytes"}
    for check in checks:
        assert check["measured"] > 0
        assert abs(check["difference"]) <= BOUNDS["lz4"]


def test_no_device_is_left_behind(tmp_path: Path) -> None:
    before = sorted(path.name for path in Path("/sys/block").glob("zram*"))
    dump = mixed_dump(tmp_path / "mixed.raw")
    zram_takes(dump, "lz4")
    assert "no-such" in refusal(dump, "--engine", "kernel", "--algorithm", "no-such")
    estimate(dump, "--verify")
    assert sorted(path.name for path in Path("/sys/block").glob("zram*")) == before
