"""Which pages KSM may merge: private anonymous ones, and of those the ones that it was offered."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ghostswap.census.distinct import contents_numbers
from ghostswap.census.table import I64, Census, SourceRows
from ghostswap.pages.source import Mapping, Segment, Segments, SourceKind


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
    return census.contents.pages - _pages_in(census, lambda each: each.mapping is Mapping.SHMEM)


def offered(census: Census) -> Offered | None:
    """What KSM was offered of the processes; None for a census without any."""
    processes = [each for each in census.sources if each.facts.kind is SourceKind.PROCESS]
    if not processes:
        return None
    shared = _pages_in(census, lambda each: each.mapping is Mapping.SHMEM, processes)
    private = _pages_in(census, lambda each: each.mapping is not Mapping.SHMEM, processes)
    eligible = _pages_in(census, lambda each: each.offered, processes)
    return Offered(int(shared.sum()), int(private.sum() - eligible.sum()), eligible)


def _pages_in(
    census: Census,
    is_meant: Callable[[Segment], bool],
    sources: list[SourceRows] | None = None,
) -> I64:
    """How many pages in the segments that are meant hold each content."""
    pages = np.zeros(len(census.contents.hash), dtype=np.int64)
    for source in census.sources if sources is None else sources:
        segments = source.segments
        if isinstance(segments, Segments) and not segments.in_shared_memory:
            continue  # of a core, which may have a million of them, nothing else is asked
        meant = [(each.first, each.pages) for each in segments if is_meant(each)]
        if meant:
            begins, lengths = np.array(meant, dtype=np.int64).T
            edges = np.zeros(source.pages + 1, dtype=np.int64)
            np.add.at(edges, begins, 1)
            np.add.at(edges, begins + lengths, -1)
            rows = slice(source.first, source.first + source.pages)
            inside = np.cumsum(edges[:-1]) > 0
            hashes = census.hash[rows][inside & census.readable[rows]]
            numbers = contents_numbers(census.contents, hashes)
            pages += np.bincount(numbers, minlength=len(pages))
    return pages
