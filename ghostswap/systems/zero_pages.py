"""What a footprint would be without some of its zero pages: they take no pool, but each is counted,
and may have an entry."""

from dataclasses import replace

import numpy as np

from ghostswap.census.population import Copies
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.zswap import SameFilled
from ghostswap.systems.footprint import Footprint, Sharing
from ghostswap.systems.ksm import entry_bytes, sharing
from ghostswap.systems.table import SYSTEMS, Pool
from ghostswap.systems.zram import dedup_table_bytes


def without_zero(footprint: Footprint, pages: int, zero_pages: int, rules: Rules) -> Footprint:
    """The footprint without `pages` of its `zero_pages`, under the same rules."""
    match SYSTEMS[footprint.system].pool:
        case Pool.ZRAM:
            return _zram(footprint, pages, rules)
        case Pool.ZSWAP:
            return _zswap(footprint, pages, rules)
        case Pool.PAGES:
            return _ksm(footprint, pages, zero_pages)


def _zram(footprint: Footprint, pages: int, rules: Rules) -> Footprint:
    total = footprint.total_pages - pages
    table = 0
    if SYSTEMS[footprint.system].once:
        table = dedup_table_bytes(footprint.total_pages) - dedup_table_bytes(total)
    return replace(
        footprint,
        total_pages=total,
        pages_stored=max(0, footprint.pages_stored - pages),
        same_pages=max(0, footprint.same_pages - pages),
        zeromap_pages=max(0, footprint.zeromap_pages - pages),
        entry_bytes=max(0, footprint.entry_bytes - table),
        lookup_bytes=max(0, footprint.lookup_bytes - pages * rules.zram_entry_bytes),
    )


def _zswap(footprint: Footprint, pages: int, rules: Rules) -> Footprint:
    entries = 0 if rules.same_filled is SameFilled.ZEROMAP else pages
    stored = max(0, footprint.pages_stored - entries)
    lookup = rules.zswap_lookup_bytes(footprint.pages_stored) - rules.zswap_lookup_bytes(stored)
    return replace(
        footprint,
        total_pages=footprint.total_pages - pages,
        pages_stored=stored,
        same_pages=max(0, footprint.same_pages - pages),
        zeromap_pages=max(0, footprint.zeromap_pages - pages),
        entry_bytes=max(0, footprint.entry_bytes - entries * rules.zswap_entry_bytes),
        lookup_bytes=max(0, footprint.lookup_bytes - lookup),
    )


def _ksm(footprint: Footprint, pages: int, zero_pages: int) -> Footprint:
    """Zero pages are a content like any other, and merged with one another."""
    of_before, of_after = (
        Copies(np.array([copies]), np.array([1])) for copies in (zero_pages, zero_pages - pages)
    )
    before, after = (sharing(each, footprint.page_size) for each in (of_before, of_after))
    merged = footprint.sharing or Sharing(0, 0, 0)
    left = Sharing(
        max(0, merged.pages_shared - before.pages_shared + after.pages_shared),
        max(0, merged.pages_sharing - before.pages_sharing + after.pages_sharing),
        merged.general_profit - before.general_profit + after.general_profit,
    )
    kept = max(0, footprint.pages_stored - pages + merged.pages_sharing - left.pages_sharing)
    entries = entry_bytes(of_before, before) - entry_bytes(of_after, after)
    return replace(
        footprint,
        total_pages=footprint.total_pages - pages,
        pages_stored=kept,
        compressed_bytes=kept * footprint.page_size,
        pool_bytes=kept * footprint.page_size,
        entry_bytes=max(0, footprint.entry_bytes - entries),
        sharing=left,
    )
