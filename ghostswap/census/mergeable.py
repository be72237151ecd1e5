"""Which pages KSM may merge: private anonymous ones, and of those the ones that it was offered."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ghostswap.census.distinct import contents_numbers
from ghostswap.census.table import I64, Bools, Census, SourceRows
from ghostswap.pages.source import Mapping, Segment, Segments, SourceKind

_ROWS_AT_ONCE = 1 << 21  # looked up, which bounds the memory that it takes


@dataclass(frozen=True, slots=True)
class Offered:
    """The pages of processes by what KSM would do with them now.

    `shared_memory` is never merged (VM_SHARED, VM_MAYSHARE: mm/ksm.c, ksm_compatible(), 6.18).
    `not_offered` are private pages that neither MADV_MERGEABLE nor PR_SET_MEMORY_MERGE covers. The
    others are eligible: how many pages hold each content of the census.
    """

    shared_memory: int
    not_offered: int
    eligible: I64


def private_pages(census: Census) -> I64:
    """How many private pages hold each content: all but those in shared memory, as far as sources
    tell."""
    in_shared_memory = _rows_in(census, lambda each: each.mapping is Mapping.SHMEM)
    return census.contents.pages - _pages_of(census, in_shared_memory)


def offered(census: Census) -> Offered | None:
    """What KSM was offered of the processes; None for a census without any."""
    processes = [each for each in census.sources if each.facts.kind is SourceKind.PROCESS]
    if not processes:
        return None
    shared = _rows_in(census, lambda each: each.mapping is Mapping.SHMEM, processes)
    private = _rows_in(census, lambda each: each.mapping is not Mapping.SHMEM, processes)
    eligible = _rows_in(census, lambda each: each.offered, processes)
    return Offered(
        int(np.count_nonzero(shared)),
        int(np.count_nonzero(private)) - int(np.count_nonzero(eligible)),
        _pages_of(census, eligible),
    )


def _rows_in(
    census: Census,
    is_meant: Callable[[Segment], bool],
    sources: Sequence[SourceRows] | None = None,
) -> Bools:
    """Which rows of the census lie in the segments that are meant, and were had."""
    begins, ends = array("q"), array("q")
    for source in census.sources if sources is None else sources:
        segments, live = source.segments, source.facts.kind is SourceKind.PROCESS
        if isinstance(segments, Segments) and not live and not segments.in_shared_memory:
            continue  # of a core, which may have a million of them, nothing else is asked
        for each in segments:
            if is_meant(each):
                begins.append(source.first + each.first)
                ends.append(source.first + each.first + each.pages)
    if not begins:
        return np.zeros(len(census.hash), dtype=np.bool_)
    depth = np.zeros(len(census.hash) + 1, dtype=np.int32)
    np.add.at(depth, np.frombuffer(begins, dtype=np.int64), 1)
    np.add.at(depth, np.frombuffer(ends, dtype=np.int64), -1)
    np.cumsum(depth, out=depth)
    inside = depth[:-1] > 0
    inside &= census.readable
    return inside


def _pages_of(census: Census, rows: Bools) -> I64:
    """How many of these rows hold each content."""
    pages = np.zeros(len(census.contents.hash), dtype=np.int64)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        hashes = census.hash[first : first + _ROWS_AT_ONCE][rows[first : first + _ROWS_AT_ONCE]]
        if len(hashes):
            numbers = contents_numbers(census.contents, hashes)
            pages += np.bincount(numbers, minlength=len(pages))
    return pages
