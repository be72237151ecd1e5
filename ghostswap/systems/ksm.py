"""What KSM would share among the pages once ksmd has settled, and what zswap takes behind it.

Source: mm/ksm.c, stable_tree_search(), stable_tree_append() and is_page_sharing_candidate(), Linux
6.18.
"""

from dataclasses import replace

import numpy as np

from ghostswap.census.population import Copies, Population
from ghostswap.kernel.ksm import (
    MAX_PAGE_SHARING,
    RMAP_ITEM_BYTES,
    STABLE_NODE_BYTES,
    general_profit,
)
from ghostswap.kernel.rules import Rules
from ghostswap.systems.footprint import Footprint, Sharing, System


def ksm(pages: Population, rules: Rules) -> Footprint:
    """KSM over pages that are each mapped once, use_zero_pages off: a zero page is a content like
    any other. `copies` of the population is of those that it may merge; the others stay.
    """
    merged = sharing(pages.copies, pages.page_size)
    kept = pages.total - merged.pages_sharing
    return Footprint(
        System.KSM,
        algorithm=None,
        page_size=pages.page_size,
        total_pages=pages.total,
        pages_stored=kept,
        same_pages=0,
        huge_pages=0,
        refused_pages=0,
        compressed_bytes=kept * pages.page_size,
        pool_bytes=kept * pages.page_size,
        slack_bytes=0,
        entry_bytes=_entry_bytes(pages.copies, merged),
        lookup_bytes=0,
        sharing=merged,
    )


def sharing(pages: Copies, page_size: int) -> Sharing:
    """What KSM makes of pages all of which it may merge.

    A KSM page is mapped max_page_sharing times at most; further copies begin another one, for which
    it takes two of them.
    """
    full, rest = np.divmod(pages.copies, MAX_PAGE_SHARING)
    shared = int(((full + (rest >= 2)) * pages.contents).sum())
    merged = full * (MAX_PAGE_SHARING - 1) + np.maximum(rest - 1, 0)
    saved = int((merged * pages.contents).sum())
    scanned = int((pages.copies * pages.contents).sum())
    return Sharing(shared, saved, general_profit(saved, scanned, page_size))


def _entry_bytes(pages: Copies, merged: Sharing) -> int:
    """What KSM keeps of pages that it `merged` so."""
    mergeable = int((pages.copies * pages.contents).sum())
    nodes = merged.pages_shared + _chains(pages)
    return mergeable * RMAP_ITEM_BYTES + nodes * STABLE_NODE_BYTES


def _chains(pages: Copies) -> int:
    """Contents with more than one KSM page: a node more holds those together
    (alloc_stable_node_chain())."""
    several = pages.copies >= MAX_PAGE_SHARING + 2
    return int(pages.contents[several].sum())


def zswap_behind_ksm(ksm: Footprint, zswap: Footprint, zswap_dedup: Footprint) -> Footprint:
    """zswap where KSM merged first: merged pages share one slot and one compressed copy."""
    merged = replace(zswap, system=System.KSM, sharing=ksm.sharing)
    # Pages in the zeromap have no entry; KSM merges them too.
    zero = -(-(zswap.slots - zswap.pages_stored) // MAX_PAGE_SHARING)
    entries = max(0, merged.slots - zero)
    stored = max(zswap.pages_stored, 1)
    return replace(
        merged,
        pages_stored=entries,
        pool_bytes=zswap_dedup.pool_bytes,
        slack_bytes=zswap_dedup.slack_bytes,
        entry_bytes=zswap.entry_bytes * entries // stored + ksm.entry_bytes,
        lookup_bytes=zswap.lookup_bytes * entries // stored,
    )
