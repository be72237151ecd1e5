"""What the models say where kernels were asked once: their answers are written down here.

Each figure was read from the kernel named beside it. The tests of tests/kernel ask the kernel that
runs, and print what they found.
"""

from dataclasses import replace

import numpy as np
import pytest

from ghostswap.census.population import Copies, Population, SizeHistogram, population
from ghostswap.census.table import Census, Contents, Measured
from ghostswap.diagnose.findings import findings
from ghostswap.host.snapshot import read_host
from ghostswap.kernel.rules import Rules, rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.report.openmetrics import exposition
from ghostswap.systems.ksm import ksm
from ghostswap.systems.zram import zram, zram_dedup
from ghostswap.systems.zswap import zswap
from tests.hosts import CAPTURES

PAGE = 4096


def rules(version: str, zpool: str | None = None) -> Rules:
    return rules_for(KernelVersion.parse(version), {}, zpool)


def pages_of(payloads: dict[int, int], zero: int = 0, same: int = 0, copies: int = 1) -> Population:
    """So many pages of each payload in bytes, each content `copies` times; zero and same-filled."""
    data = np.zeros(PAGE + 2)
    for payload, number in payloads.items():
        data[payload] = number
    filled = np.zeros(PAGE + 2)
    filled[20] = same
    distinct = round(float(data.sum()))
    return Population(
        PAGE,
        "lz4",
        zero,
        SizeHistogram(filled, filled),
        SizeHistogram(data * copies, data),
        Copies(np.array([copies]), np.array([distinct])),
    )


def test_zram_of_6_18() -> None:
    """mm_stat of a fresh device on 6.18.44 (lz4) that 2,800 pages of these payloads, as lz4 makes
    them, and 100 same-filled ones were written to: 11878400 6508810 6606848 0 6606848 100 0 600
    600."""
    payloads = {
        60: 399, 61: 1, 500: 297, 501: 3, 1000: 299, 1001: 1, 1900: 298, 1901: 2, 2800: 299,
        2801: 1, 3600: 298, 3601: 2, 3624: 300, 3625: 299, 3626: 1, 4000: 300,
    }  # fmt: skip
    footprint = zram(pages_of(payloads, zero=50, same=50), rules("6.18"))
    assert footprint.total_pages * PAGE == 11878400
    assert footprint.compressed_bytes == 6508810
    assert footprint.pool_bytes == 6606848
    assert (footprint.same_pages, footprint.huge_pages) == (100, 600)


@pytest.mark.parametrize(
    ("payload", "stored", "incompressible"),
    [(4087, 32, 0), (4088, 32, 0), (4095, 32, 0), (4096, 32, 32), (4097, 32, 32)],
)
def test_zswap_of_6_18_stores_what_does_not_shrink(
    payload: int, stored: int, incompressible: int
) -> None:
    """As 6.18.44 stored 32 pages of each payload (stored_incompressible_pages in debugfs)."""
    footprint = zswap(pages_of({payload: 32}), rules("6.18"))
    assert (footprint.pages_stored, footprint.huge_pages) == (stored, incompressible)


@pytest.mark.parametrize(
    ("version", "zpool", "largest"),
    [
        # zswap_compress(): no page of PAGE_SIZE or more, where it may not be stored as it is.
        ("6.18", None, 4095),
        # 6.12.117 in a guest (lzo) stored 32 of 32 pages of 4096 bytes, and none of 4097:
        # zs_malloc() takes PAGE_SIZE; zbud_alloc() ZBUD_ALIGN less for its header and one less
        # (PAGE_SIZE - ZHDR_SIZE_ALIGNED - CHUNK_SIZE); until 6.4 struct zswap_header is in it.
        ("6.12", None, 4096),
        ("6.12", "zbud", 3968),
        ("6.1", "zbud", 3960),
    ],
)
def test_what_zswap_refuses_where_all_must_shrink(
    version: str, zpool: str | None, largest: int
) -> None:
    without = replace(rules(version, zpool), writeback=False)
    footprint = zswap(pages_of({largest: 3, largest + 1: 5}), without)
    assert (footprint.pages_stored, footprint.refused_pages) == (3, 5)


@pytest.mark.parametrize(
    ("version", "stored", "same"),
    # 6.1: same_filled_pages in debugfs counts both kinds, each an entry. 6.12: a zero page is a bit
    # of the zeromap and no entry; pages of another word are compressed.
    [("6.1", 40, 40), ("6.11", 40, 40), ("6.12", 15, 25), ("6.18", 15, 25)],
)
def test_same_filled_pages_of_zswap(version: str, stored: int, same: int) -> None:
    footprint = zswap(pages_of({}, zero=25, same=15), rules(version))
    assert (footprint.pages_stored, footprint.same_pages) == (stored, same)


@pytest.mark.parametrize(
    ("copies", "shared", "sharing"),
    # 500 copies: what ksmd of 6.18 makes of the zero pages of tests.dumps.mixed_dump(), with
    # use_zero_pages off. A page has 256 mappings at most (/sys/kernel/mm/ksm/max_page_sharing),
    # and one copy alone is shared with nobody.
    [(1, 0, 0), (2, 1, 1), (256, 1, 255), (257, 1, 255), (258, 2, 256), (500, 2, 498)],
)
def test_copies_that_ksm_merges(copies: int, shared: int, sharing: int) -> None:
    counters = ksm(pages_of({PAGE: 1}, copies=copies), rules("6.18")).sharing
    assert counters is not None
    assert (counters.pages_shared, counters.pages_sharing) == (shared, sharing)


@pytest.mark.parametrize(("pages", "buckets"), [(1000, 1024), (131072, 1024), (262144, 2048)])
def test_zram_with_dedup_has_a_bucket_for_128_pages(pages: int, buckets: int) -> None:
    """zram_dedup_init() of the patch of 2017: max(1024, num_pages / 128) of 16 bytes; and 48 bytes
    for each content."""
    population = pages_of({2000: pages})
    plain, dedup = zram(population, rules("6.18")), zram_dedup(population, rules("6.18"))
    assert dedup.entry_bytes - plain.entry_bytes == pages * 48 + buckets * 16


def test_contents_that_were_compressed_stand_for_those_that_were_not() -> None:
    copies = np.array([7, 3, 5, 5], dtype=np.int64)
    kinds = np.zeros(4, dtype=np.bool_)
    hashes = np.arange(1, 5, dtype=np.uint64)
    contents = Contents(hashes, copies, kinds, kinds)
    sizes = np.array([1000, 0, 2000, 0], dtype=np.uint16)
    measured = Measured("lz4", sizes, None, 0.0)
    rows = np.repeat(hashes, copies)
    census = Census(
        PAGE, 0, (), rows, np.ones(20, dtype=np.bool_), contents, (measured,), partial=True
    )
    known = population(census, measured)
    assert known is not None
    assert (known.data.total_pages, known.data.total_contents) == (20, 4)
    assert known.data.pages[1000] == pytest.approx(20 * 7 / 12)
    assert known.data.contents[1000] == pytest.approx(2)


def test_what_only_grows_is_a_counter_and_nothing_else() -> None:
    """rate() of a gauge is nonsense."""
    host = read_host(CAPTURES / "linux-6.12", cgroups=True)
    types = dict(
        line.split()[2:]
        for line in exposition(host, findings(host)).splitlines()
        if "# TYPE" in line
    )
    growing = {"stored_pages", "loaded_pages", "written_back_pages"}
    counters = {
        name.removeprefix("ghostswap_") for name, kind in types.items() if kind == "counter"
    }
    assert {f"zswap_{name}" for name in growing} <= counters
    failures = {"zram_failed_reads", "zram_failed_writes", "zswap_failures"}
    assert counters <= {f"zswap_{name}" for name in growing} | failures | {"ksm_full_scans"}
