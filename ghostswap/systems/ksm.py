"""What KSM would share among the pages once ksmd has settled.

Source: mm/ksm.c, stable_tree_search(), stable_tree_append() and is_page_sharing_candidate(), Linux
6.18.
"""

import numpy as np

from ghostswap.census.population import Copies
from ghostswap.kernel.ksm import (
    MAX_PAGE_SHARING,
    RMAP_ITEM_BYTES,
    STABLE_NODE_BYTES,
    general_profit,
)
from ghostswap.systems.footprint import Figures, Sharing, System


def ksm(copies: Copies, page_size: int) -> Figures:
    """KSM over pages that are each mapped once, use_zero_pages off: a zero page is a content like
    any other.

    A KSM page is mapped max_page_sharing times at most; further copies begin another one, for which
    it takes two of them.
    """
    full, rest = np.divmod(copies.copies, MAX_PAGE_SHARING)
    shared = int(((full + (rest >= 2)) * copies.contents).sum())
    sharing = int(
        ((full * (MAX_PAGE_SHARING - 1) + np.maximum(rest - 1, 0)) * copies.contents).sum()
    )
    total = int((copies.copies * copies.contents).sum())
    kept = total - sharing
    return Figures(
        System.KSM,
        algorithm=None,
        total_bytes=total * page_size,
        pages_stored=kept,
        same_pages=0,
        huge_pages=0,
        compressed_bytes=kept * page_size,
        pool_bytes=kept * page_size,
        metadata_bytes=total * RMAP_ITEM_BYTES + shared * STABLE_NODE_BYTES,
        sharing=Sharing(shared, sharing, general_profit(sharing, total, page_size)),
    )
