"""What zram would report and take for the pages: a fresh device, each page in its own slot.

As a swap area it takes the same RAM, and since 6.12 reports less: zero pages, each a folio of its
own, are then a bit in the area's zeromap and are not written to it.

Source: drivers/block/zram/zram_drv.c, zram_write_page() and write_incompressible_page(), and
mm/page_io.c, swap_writeout(), Linux 6.18.
"""

from dataclasses import replace

import numpy as np

from ghostswap.census.population import Population
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.zsmalloc import Counts, SizeClasses, pool
from ghostswap.kernel.zswap import SameFilled
from ghostswap.systems.footprint import Footprint, System

# The dedup patch of Joonsoo Kim (2017): struct zram_entry a content, and a hash table of
# struct zram_hash with a bucket for 128 pages, 1024 at least.
DEDUP_ENTRY_BYTES = 48
_DEDUP_BUCKET_BYTES = 16
_DEDUP_PAGES_PER_BUCKET = 128
_DEDUP_BUCKETS_MIN = 1 << 10


def zram(pages: Population, rules: Rules) -> Footprint:
    """zram as it is: pages_stored is orig_data_size in pages, so same-filled ones are in it."""
    return _footprint(System.ZRAM, pages, rules, pages.data.pages, dedup_bytes=0)


def zram_recompressed(pages: Population, rules: Rules) -> Footprint:
    """zram once a second compressor has replaced what it makes smaller: `pages` have the sizes that
    objects have afterwards. None of those replaced is huge, and those that are stay so."""
    return replace(zram(pages, rules), system=System.ZRAM_RECOMPRESSED)


def zram_dedup(pages: Population, rules: Rules) -> Footprint:
    """zram with Joonsoo Kim's dedup: one object per distinct content."""
    dedup_bytes = pages.data.total_contents * DEDUP_ENTRY_BYTES + _dedup_table_bytes(pages.total)
    return _footprint(System.ZRAM_DEDUP, pages, rules, pages.data.contents, dedup_bytes)


def _dedup_table_bytes(pages: int) -> int:
    """The hash table of dedup for a device of as many pages."""
    return max(_DEDUP_BUCKETS_MIN, pages // _DEDUP_PAGES_PER_BUCKET) * _DEDUP_BUCKET_BYTES


def _footprint(
    system: System, pages: Population, rules: Rules, objects: Counts, dedup_bytes: int
) -> Footprint:
    classes = rules.classes(pages.page_size)
    payloads, huge = huge_stored_raw(objects, classes)
    stored = pool(classes, payloads)
    compressed_bytes = round(float(payloads @ np.arange(len(payloads))))
    return Footprint(
        system,
        pages.algorithm,
        pages.page_size,
        total_pages=pages.total,
        pages_stored=pages.total,
        same_pages=pages.zero + pages.same_filled.total_pages,
        huge_pages=round(huge),
        refused_pages=0,
        compressed_bytes=compressed_bytes,
        pool_bytes=stored.bytes,
        slack_bytes=classes.slack_bytes(stored.bytes, compressed_bytes),
        entry_bytes=stored.overhead_bytes + dedup_bytes,
        lookup_bytes=pages.total * rules.zram_entry_bytes,
        zeromap_pages=pages.zero if rules.same_filled is SameFilled.ZEROMAP else 0,
    )


def huge_stored_raw(objects: Counts, classes: SizeClasses) -> tuple[Counts, float]:
    """`objects` by size as zram stores them, and how many are huge: from huge_class_size on, the
    page is stored as it is, in page_size bytes."""
    payloads = objects[: classes.page_size + 1].copy()
    huge = float(objects[classes.huge_class_size :].sum())
    payloads[classes.huge_class_size :] = 0
    payloads[classes.page_size] = huge
    return payloads, huge
