"""What the estimate says of zram under Linux 6.1 and 6.12 is what their zram says of the pages."""

from pathlib import Path

import pytest

from ghostswap.census import codecs
from tests.dumps import PAGE
from tests.estimates import estimate, system
from tests.vm.conftest import InGuest

_LZ4 = codecs.find("lz4").relative_error  # none, where a C compiler was there
# How far compressed bytes may be from compr_data_size, as a fraction: some kernels hold older
# compressors than the libraries are.
BOUNDS = {
    ("6.1", "lz4"): _LZ4,
    ("6.1", "lz4hc"): 0.003,
    ("6.1", "lzo"): 0.0015,
    ("6.1", "lzo-rle"): 0.0,
    ("6.1", "zstd"): 0.001,
    ("6.12", "lz4"): _LZ4,
    ("6.12", "lz4hc"): 0.003,
    ("6.12", "zstd"): 0.0002,
    ("6.12", "deflate"): 0.0,
}
EXACT = 0.0002  # up to this bound, no page is on the other side of huge


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_a_swap_area_is_not_given_zero_pages_since_6_12(
    version: str, pages: Path, in_guest: InGuest
) -> None:
    real = in_guest(version, "zram_swap", pages, "lz4")
    estimated = system(estimate(pages, "--algorithm", "lz4", "--kernel", version), "zram")

    zeromap = estimated["zeromap_pages"]
    assert (zeromap > 0) == (version == "6.12")
    assert (estimated["pages_stored"] - zeromap) * PAGE == real["orig_data_size"]
    assert estimated["same_pages"] - zeromap == real["same_pages"]
    assert estimated["huge_pages"] == real["huge_pages"]
    compressed, pool = real["compr_data_size"], real["mem_used_total"]
    assert abs(estimated["compressed_bytes"] - compressed) <= BOUNDS[version, "lz4"] * compressed
    assert abs(estimated["pool_bytes"] - pool) <= max(0.002 * pool, 16 * PAGE)


@pytest.mark.parametrize(("version", "algorithm"), BOUNDS)
def test_pages_take_what_zram_takes_for_them(
    version: str, algorithm: str, pages: Path, in_guest: InGuest
) -> None:
    algorithms = [name for kernel, name in BOUNDS if kernel == version]
    real = in_guest(version, "zram", pages, *algorithms)[algorithm]
    figures = estimate(pages, "--algorithm", algorithm, "--kernel", version)
    estimated = system(figures, "zram", algorithm)

    bound = BOUNDS[version, algorithm]
    slack = 0 if bound <= EXACT else real["huge_pages"] // 500 + 1
    compressed, pool = real["compr_data_size"], real["mem_used_total"]
    assert estimated["pages_stored"] * PAGE == real["orig_data_size"]
    assert estimated["same_pages"] == real["same_pages"]
    assert abs(estimated["huge_pages"] - real["huge_pages"]) <= slack
    assert abs(estimated["compressed_bytes"] - compressed) <= bound * compressed
    # An older compressor's sizes may fall on the other side of a class here and there.
    pages_off = 16 if bound <= EXACT else 32
    assert abs(estimated["pool_bytes"] - pool) <= max(0.002 * pool, pages_off * PAGE)
