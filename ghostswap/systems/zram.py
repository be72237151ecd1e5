"""What zram would report and take for the pages: a fresh device, each page in its own slot.

Source: drivers/block/zram/zram_drv.c, zram_write_page() and write_incompressible_page(), Linux
6.18.
"""

import numpy as np

from ghostswap.census.population import Population
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.zsmalloc import Counts, SizeClasses, pool
from ghostswap.systems.footprint import Figures, System

# The dedup patch of Joonsoo Kim (2017): struct zram_entry a content, and a hash table of
# struct zram_hash with a bucket for 128 pages, 1024 at least.
DEDUP_ENTRY_BYTES = 48
_DEDUP_BUCKET_BYTES = 16
_DEDUP_PAGES_A_BUCKET = 128
_DEDUP_BUCKETS_MIN = 1 << 10


def zram(pages: Population, rules: Rules) -> Figures:
    """zram as it is: pages_stored is orig_data_size in pages, so same-filled ones are in it."""
    return _figures(System.ZRAM, pages, rules, pages.data.pages, extra_bytes=0)


def zram_dedup(pages: Population, rules: Rules) -> Figures:
    """zram with Joonsoo Kim's dedup: one object a distinct content, found by hash and compared."""
    buckets = max(_DEDUP_BUCKETS_MIN, pages.total // _DEDUP_PAGES_A_BUCKET)
    extra = pages.data.total_contents * DEDUP_ENTRY_BYTES + buckets * _DEDUP_BUCKET_BYTES
    return _figures(System.ZRAM_DEDUP, pages, rules, pages.data.contents, extra)


def _figures(
    system: System, pages: Population, rules: Rules, objects: Counts, extra_bytes: int
) -> Figures:
    classes = rules.classes(pages.page_size)
    payloads, huge = huge_stored_raw(objects, classes)
    stored = pool(classes, payloads)
    return Figures(
        system,
        pages.algorithm,
        total_bytes=pages.total * pages.page_size,
        pages_stored=pages.total,
        same_pages=pages.zero + pages.same_filled.total_pages,
        huge_pages=round(huge),
        compressed_bytes=round(float(payloads @ np.arange(len(payloads)))),
        pool_bytes=stored.bytes,
        metadata_bytes=pages.total * rules.zram_entry_bytes + stored.overhead_bytes + extra_bytes,
    )


def huge_stored_raw(objects: Counts, classes: SizeClasses) -> tuple[Counts, float]:
    """`objects` by size as zram stores them, and how many are huge: from huge_class_size on, the
    page is stored as it is, in page_size bytes."""
    payloads = objects[: classes.page_size + 1].copy()
    huge = float(objects[classes.huge_class_size :].sum())
    payloads[classes.huge_class_size :] = 0
    payloads[classes.page_size] = huge
    return payloads, huge
