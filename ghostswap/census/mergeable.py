"""Which pages KSM may merge: private anonymous ones, and of those the ones that it was offered."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ghostswap.census.distinct import contents_numbers
from ghostswap.census.table import I64, Bools, Census, SourceRows
from ghostswap.pages.source import MAPPINGS, Mapping, Segments, SourceKind

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
    segments = _segments(census, census.sources)
    in_shared_memory = _rows_in(census, segments, segments.shared)
    return census.contents.pages - _pages_of(census, in_shared_memory)


def offered(census: Census) -> Offered | None:
    """What KSM was offered of the processes; None for a census without any."""
    processes = [each for each in census.sources if each.facts.kind is SourceKind.PROCESS]
    if not processes:
        return None
    segments = _segments(census, processes)
    shared = _rows_in(census, segments, segments.shared)
    private = _rows_in(census, segments, ~segments.shared)
    eligible = _rows_in(census, segments, segments.offered)
    return Offered(
        int(np.count_nonzero(shared)),
        int(np.count_nonzero(private)) - int(np.count_nonzero(eligible)),
        _pages_of(census, eligible),
    )


@dataclass(frozen=True, slots=True)
class _Segments:
    """Segments of all sources as columns: the rows of the census where each begins and ends,
    whether it is shared memory, and whether KSM was offered it."""

    begin: I64
    end: I64
    shared: Bools
    offered: Bools


def _segments(census: Census, sources: Sequence[SourceRows]) -> _Segments:
    """Of a core, which may have a million of them, only where some are shared memory: nothing else
    is asked of one."""
    begin, end, mapping, offered = array("q"), array("q"), bytearray(), bytearray()
    for source in sources:
        segments, live = source.segments, source.facts.kind is SourceKind.PROCESS
        if not isinstance(segments, Segments):
            segments = Segments.of(segments)
        elif not live and not segments.in_shared_memory:
            continue
        first = np.frombuffer(segments.first, dtype=np.int64) + source.first
        begin.frombytes(first.tobytes())
        end.frombytes((first + np.frombuffer(segments.pages, dtype=np.int64)).tobytes())
        mapping += segments.mapping
        offered += segments.offered
    return _Segments(
        np.frombuffer(begin, dtype=np.int64),
        np.frombuffer(end, dtype=np.int64),
        np.frombuffer(mapping, dtype=np.uint8) == MAPPINGS.index(Mapping.SHMEM),
        np.frombuffer(offered, dtype=np.bool_),
    )


def _rows_in(census: Census, segments: _Segments, meant: Bools) -> Bools:
    """Which rows of the census lie in the segments that are meant, and were had."""
    if not meant.any():
        return np.zeros(len(census.hash), dtype=np.bool_)
    depth = np.zeros(len(census.hash) + 1, dtype=np.int32)
    np.add.at(depth, segments.begin[meant], 1)
    np.add.at(depth, segments.end[meant], -1)
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
