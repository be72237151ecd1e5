"""What KSM makes of pages: copies, chains, and pages that it never merges."""

import numpy as np

from ghostswap.census.population import Copies, Population, SizeHistogram
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.systems.footprint import Footprint
from ghostswap.systems.ksm import ksm, zswap_behind_ksm
from ghostswap.systems.zram import zram
from ghostswap.systems.zswap import zswap, zswap_dedup

PAGE = 4096
NODE = ITEM = 64  # struct ksm_stable_node and ksm_rmap_item


def merged(copies: dict[int, int], shared_memory: int = 0) -> Footprint:
    """KSM over `copies[n]` contents that are there n times each, and pages of shared memory."""
    number = np.array(list(copies)), np.array(list(copies.values()))
    sizes = np.zeros(PAGE + 2)
    sizes[PAGE] = number[0] @ number[1] + shared_memory
    data, none = SizeHistogram(sizes, sizes), SizeHistogram(0 * sizes, 0 * sizes)
    pages = Population(PAGE, None, 0, none, data, Copies(*number))
    return ksm(pages, rules_for(KernelVersion(6, 18), {}))


def test_more_than_256_copies_take_another_page_and_a_node_that_holds_both() -> None:
    footprint = merged({600: 1})
    assert footprint.sharing is not None
    assert (footprint.sharing.pages_shared, footprint.sharing.pages_sharing) == (3, 597)
    assert footprint.entry_bytes == 600 * ITEM + (3 + 1) * NODE


def test_the_257th_copy_alone_begins_nothing() -> None:
    footprint = merged({257: 1})
    assert footprint.sharing is not None
    assert (footprint.sharing.pages_shared, footprint.sharing.pages_sharing) == (1, 255)
    assert footprint.entry_bytes == 257 * ITEM + NODE


def test_shared_memory_stays_and_costs_no_item() -> None:
    footprint = merged({2: 10}, shared_memory=100)
    assert (footprint.total_pages, footprint.pages_stored) == (120, 110)
    assert footprint.entry_bytes == 20 * ITEM + 10 * NODE


def test_zero_pages_behind_ksm_have_slots_and_no_entry() -> None:
    """Since 6.12 they are bits of the swap area, three of them once 600 are merged by 256."""
    sizes, length = np.zeros(PAGE + 2), PAGE + 2
    sizes[1000] = 100
    none = SizeHistogram(np.zeros(length), np.zeros(length))
    copies = Copies(np.array([600, 1]), np.array([1, 100]))
    pages = Population(PAGE, "lz4", 600, none, SizeHistogram(sizes, sizes), copies)
    rules = rules_for(KernelVersion(6, 18), {})
    before, merging = zswap(pages, rules), ksm(pages, rules)
    behind = zswap_behind_ksm(merging, before, zswap_dedup(pages, rules))
    assert (behind.slots, behind.pages_stored) == (103, 100)
    assert behind.entry_bytes == before.entry_bytes + merging.entry_bytes
    assert behind.lookup_bytes == before.lookup_bytes
    assert (merging.huge_pages, merging.refused_pages, merging.slack_bytes) == (0, 0, 0)
    of_zram = zram(pages, rules)
    assert (of_zram.refused_pages, of_zram.zeromap_pages) == (0, 600)
