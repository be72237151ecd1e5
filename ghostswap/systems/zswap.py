"""What zswap would report and take for the pages, were all of them swapped out into it.

Source: mm/zswap.c, zswap_store(), zswap_store_page() and zswap_compress(), and mm/page_io.c,
swap_writeout() (Linux 6.18); zswap_frontswap_store() (6.1).
"""

from dataclasses import replace

import numpy as np

from ghostswap.census.population import Population, SizeHistogram
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.zbud import z3fold, zbud
from ghostswap.kernel.zsmalloc import Counts, Pool, pool
from ghostswap.kernel.zswap import Allocator, SameFilled
from ghostswap.systems.footprint import Footprint, System

# A content's own record in the dedup proposals for zswap (Samsung 2016, an rb-tree node with
# checksum, length, handle and count; Hack Week 21 plans the same); an entry then points to it.
DEDUP_RECORD_BYTES = 48


def zswap(pages: Population, rules: Rules) -> Footprint:
    """zswap as the kernel of these rules has it.

    Since 6.12 a zero page is a bit in the swap area, if its whole folio is zero: here each page is
    taken for a folio of its own. Before, every same-filled page is a value in its entry.
    huge_pages are those stored as they are (stored_incompressible_pages, since 6.18).
    """
    given = _given_singly(pages, rules)
    objects = _compressed(given, rules)
    footprint = _footprint(System.ZSWAP, given, rules, objects, objects.pages, record_bytes=0)
    return _with_refused(footprint, pages, rules)


def zswap_dedup(pages: Population, rules: Rules) -> Footprint:
    """zswap that stores each distinct content once: an entry per page, a record per content."""
    given = _given_singly(pages, rules)
    objects = _compressed(given, rules)
    footprint = _footprint(
        System.ZSWAP_DEDUP, given, rules, objects, objects.contents, DEDUP_RECORD_BYTES
    )
    return _with_refused(footprint, pages, rules)


def _given_singly(pages: Population, rules: Rules) -> Population:
    """What zswap looks at: a huge page that comes whole it refuses at once, before 6.13."""
    return pages.outside_huge_pages() if rules.zswap_refuses_huge_pages else pages


def _with_refused(footprint: Footprint, pages: Population, rules: Rules) -> Footprint:
    """The footprint of all `pages`, with those refused for the huge page that they lie in."""
    whole = pages.total - footprint.total_pages
    refused = footprint.refused_pages + whole
    return replace(
        footprint,
        total_pages=pages.total,
        refused_pages=refused,
        refused_thp_pages=whole,
        kept_bytes=rules.kept_bytes(refused, pages.page_size),
    )


def _compressed(pages: Population, rules: Rules) -> SizeHistogram:
    """What zswap compresses: without what it, or the swap area, keeps as a value."""
    if rules.same_filled is SameFilled.ZEROMAP:
        return pages.data + pages.same_filled
    return pages.data


def _footprint(
    system: System,
    pages: Population,
    rules: Rules,
    objects: SizeHistogram,
    stored: Counts,
    record_bytes: int,
) -> Footprint:
    limit = rules.largest_payload(pages.page_size)
    refused = round(float(objects.pages[limit + 1 :].sum()))
    zeromap = pages.zero if rules.same_filled is SameFilled.ZEROMAP else 0
    entries = pages.total - zeromap - refused

    payloads = stored[: pages.page_size + 1].copy()
    payloads[limit + 1 :] = 0
    raw = 0.0
    if rules.stores_incompressible:
        payloads[pages.page_size] = raw = float(stored[pages.page_size :].sum())
    pool = _pool(payloads, pages.page_size, rules)
    compressed_bytes = round(float(payloads @ np.arange(len(payloads))))
    return Footprint(
        system,
        pages.algorithm,
        pages.page_size,
        total_pages=pages.total,
        pages_stored=entries,
        same_pages=pages.total - objects.total_pages,
        huge_pages=round(raw),
        refused_pages=refused,
        compressed_bytes=compressed_bytes,
        pool_bytes=pool.bytes,
        slack_bytes=rules.zswap_slack_bytes(pages.page_size, pool.bytes, compressed_bytes),
        entry_bytes=entries * rules.zswap_entry_bytes
        + pool.overhead_bytes
        + round(record_bytes * float(payloads.sum())),
        lookup_bytes=rules.zswap_lookup_bytes(entries),
        zeromap_pages=zeromap,
        kept_bytes=rules.kept_bytes(refused, pages.page_size),
    )


def _pool(payloads: Counts, page_size: int, rules: Rules) -> Pool:
    """The pool that holds `payloads`, each behind a header where the kernel writes one."""
    objects = np.zeros(page_size + 1)
    header = rules.zswap_header_bytes
    objects[header:] = payloads[: len(objects) - header]
    match rules.allocator:
        case Allocator.ZBUD:
            return Pool(float(objects.sum()), 0, zbud(objects, page_size))
        case Allocator.Z3FOLD:
            return Pool(float(objects.sum()), 0, z3fold(objects, page_size))
        case Allocator.ZSMALLOC:
            return pool(rules.classes(page_size), objects)
