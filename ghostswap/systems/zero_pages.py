"""What a footprint would be without some of its zero pages.

They take no pool, but each is counted, and may have an entry. How a system keeps them depends on
nothing else of the pages but their number, so that a saved footprint, whose pages are gone, tells
enough: the system's own function says what some more zero pages change.
"""

from dataclasses import fields, replace

import numpy as np

from ghostswap.census.population import Copies, Population, SizeHistogram
from ghostswap.kernel.rules import Rules
from ghostswap.systems.footprint import Footprint, Sharing
from ghostswap.systems.table import SYSTEMS


def without_zero(footprint: Footprint, pages: int, zero_pages: int, rules: Rules) -> Footprint:
    """The footprint without `pages` of its `zero_pages`, under the same rules."""
    others = max(0, footprint.taken_pages - zero_pages)
    of_others = _alike(others, footprint.page_size)
    before, after = (
        SYSTEMS[footprint.system].footprint(
            Population(
                footprint.page_size,
                footprint.algorithm,
                zero,
                same_filled=_alike(0, footprint.page_size),
                data=of_others,
                # The others are no two alike.
                copies=Copies(np.array([zero, 1]), np.array([1, others])),
            ),
            rules,
        )
        for zero in (zero_pages, zero_pages - pages)
    )
    changed = {
        name: max(0, getattr(footprint, name) + getattr(after, name) - getattr(before, name))
        for name in _COUNTS
    }
    sharing = footprint.sharing and _changed(footprint.sharing, before.sharing, after.sharing)
    return replace(footprint, **changed, sharing=sharing)


_COUNTS = [field.name for field in fields(Footprint) if field.type is int]


def _alike(pages: int, page_size: int) -> SizeHistogram:
    """So many pages that compress to a byte."""
    sizes = np.zeros(page_size + 2)
    sizes[1] = pages
    return SizeHistogram(sizes, sizes)


def _changed(sharing: Sharing, before: Sharing | None, after: Sharing | None) -> Sharing | None:
    if before is None or after is None:
        return sharing
    return Sharing(
        max(0, sharing.pages_shared + after.pages_shared - before.pages_shared),
        max(0, sharing.pages_sharing + after.pages_sharing - before.pages_sharing),
        sharing.general_profit + after.general_profit - before.general_profit,
    )
