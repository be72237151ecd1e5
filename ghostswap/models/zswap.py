"""What zswap would report and take for the pages, were all of them swapped out into it.

Source: mm/zswap.c, zswap_store_page() and zswap_compress(), and mm/page_io.c, swap_writeout(),
Linux 6.18.
"""

import numpy as np

from ghostswap.models.figures import Figures, System
from ghostswap.models.population import Counts, Population
from ghostswap.models.zsmalloc import SizeClasses, pool

ENTRY_BYTES = 56  # struct zswap_entry
XARRAY_BYTES = 9  # a struct xa_node of 576 bytes for 64 entries
# A content's own record in the dedup proposals for zswap (Samsung 2016, an rb-tree node with
# checksum, length, handle and count); the entry then points to it.
DEDUP_RECORD_BYTES = 48


def zswap(pages: Population, classes: SizeClasses) -> Figures:
    """zswap since 6.18: zero pages go to the zeromap, all others are compressed, and what does not
    shrink below a page is stored as it is (huge_pages is stored_incompressible_pages).

    A zero page counts as such on its own; the kernel asks whether its whole folio is zero.
    """
    objects = pages.data + pages.same_filled
    return _figures(System.ZSWAP, pages, classes, objects.pages, extra_bytes=0)


def zswap_dedup(pages: Population, classes: SizeClasses) -> Figures:
    """zswap that stores each distinct content once, with an entry a page and a record a content."""
    objects = pages.data + pages.same_filled
    extra = objects.total_contents * DEDUP_RECORD_BYTES
    return _figures(System.ZSWAP_DEDUP, pages, classes, objects.contents, extra)


def _figures(
    system: System, pages: Population, classes: SizeClasses, objects: Counts, extra_bytes: int
) -> Figures:
    payloads = objects[: pages.page_size + 1].copy()
    payloads[pages.page_size] = incompressible = float(objects[pages.page_size :].sum())
    stored = pool(classes, payloads)
    entries = pages.total - pages.zero
    return Figures(
        system,
        pages.algorithm,
        total_bytes=pages.total * pages.page_size,
        pages_stored=entries,
        same_pages=pages.zero,
        huge_pages=round(incompressible),
        compressed_bytes=round(float(payloads @ np.arange(len(payloads)))),
        pool_bytes=stored.bytes,
        metadata_bytes=entries * (ENTRY_BYTES + XARRAY_BYTES) + stored.overhead_bytes + extra_bytes,
    )
