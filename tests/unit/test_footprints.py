"""What each system keeps for 100 pages of 50 contents that compress to 1,000 bytes, on Linux 6.18.

sizeof(struct zswap_entry) is 56, of struct zram_table_entry 16; zsmalloc (mm/zsmalloc.c) has a
handle of 8 for each object and a struct zspage of 56 for four of them, one page. A record of
either dedup is 48, the least hash table of zram's 1,024 buckets of 16.
"""

import numpy as np
import pytest

from ghostswap.census.population import Copies, Population, SizeHistogram
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS

PAGE = 4096


@pytest.mark.parametrize(
    ("system", "compressed", "entries"),
    [
        (System.ZSWAP, 100_000, 100 * (56 + 8) + 25 * 56),
        (System.ZSWAP_DEDUP, 50_000, 100 * 56 + 50 * (8 + 48) + 13 * 56),
        (System.ZRAM, 100_000, 100 * 8 + 25 * 56),
        (System.ZRAM_DEDUP, 50_000, 50 * (8 + 48) + 13 * 56 + 1024 * 16),
        (System.KSM, 50 * PAGE, 100 * 64 + 50 * 64),
    ],
)
def test_entries_handles_and_records(system: System, compressed: int, entries: int) -> None:
    pages, contents = np.zeros(PAGE + 2), np.zeros(PAGE + 2)
    pages[1000], contents[1000] = 100, 50
    none = SizeHistogram(np.zeros(PAGE + 2), np.zeros(PAGE + 2))
    copies = Copies(np.array([2]), np.array([50]))
    population = Population(PAGE, "lz4", 0, none, SizeHistogram(pages, contents), copies)
    footprint = SYSTEMS[system].footprint(population, rules_for(KernelVersion(6, 18), {}))
    assert footprint.compressed_bytes == compressed
    assert footprint.entry_bytes == entries
    if system is System.KSM:
        assert footprint.pool_bytes == compressed
    if SYSTEMS[system].design.value == "zram":
        assert footprint.lookup_bytes == 100 * 16
