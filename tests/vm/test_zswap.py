"""What the estimate says of zswap under Linux 6.1 and 6.12 is what it holds of pushed-out pages."""

from pathlib import Path

import pytest

from tests.dumps import PAGE
from tests.estimates import estimate, system
from tests.vm.conftest import InGuest

CASES = [
    ("6.1", "lz4", "zsmalloc"),
    ("6.1", "lzo", "zsmalloc"),
    ("6.1", "zstd", "zsmalloc"),
    ("6.1", "lzo", "zbud"),
    ("6.1", "zstd", "zbud"),
    ("6.1", "lzo", "z3fold"),
    ("6.1", "lz4", "z3fold"),
    ("6.12", "lz4", "zsmalloc"),
    ("6.12", "lzo", "zsmalloc"),
    ("6.12", "lzo-rle", "zsmalloc"),
    ("6.12", "deflate", "zsmalloc"),
    ("6.12", "zstd", "zsmalloc"),
    ("6.12", "lz4", "zbud"),
]


@pytest.mark.parametrize(("version", "algorithm", "allocator"), CASES)
def test_zswap_holds_what_the_estimate_says(
    version: str, algorithm: str, allocator: str, pages: Path, in_guest: InGuest
) -> None:
    words = [f"{case[1]}:{case[2]}" for case in CASES if case[0] == version]
    real = in_guest(version, "zswap", pages, *words)[f"{algorithm}:{allocator}"]
    rules = ("--kernel", version, "--zpool", allocator)
    estimated = system(estimate(pages, "--algorithm", algorithm, *rules), "zswap", algorithm)

    assert real["intact"]
    assert real["swapped"] == pages.stat().st_size
    assert real["zswapped"] == real["stored_pages"] * PAGE
    assert estimated["pages_stored"] == real["stored_pages"]
    assert estimated["refused_pages"] == real["disk_writes"]
    assert estimated["same_pages"] == real.get("same_filled_pages", real["zeros"])
    pool = real["pool_total_size"]
    # In zbud and z3fold two or three objects share a page as they happen to come.
    bound = 0.002 if allocator == "zsmalloc" else 0.06
    assert abs(estimated["pool_bytes"] - pool) <= max(bound * pool, 16 * PAGE)
