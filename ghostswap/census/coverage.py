"""What a census has of the memory it was to count, and how much of it may never have been used."""

from dataclasses import dataclass

import numpy as np

from ghostswap.census.table import Census, SourceRows
from ghostswap.pages.source import SourceKind


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts in pages. `swapped_pages` were swapped out, and `unreadable_pages` could not be had:
    both are outside what was measured.

    Of what was measured, `dump_zero_pages` are pages of zeros in dumps. A dump has zeros also for
    memory that nobody ever touched, and does not tell them apart.
    """

    swapped_pages: int = 0
    unreadable_pages: int = 0
    dump_zero_pages: int = 0


NOTHING_LEFT_OUT = Coverage()


def coverage_of(census: Census) -> Coverage:
    """That of all sources together."""
    return Coverage(
        sum(source.facts.swapped for source in census.sources),
        sum(unreadable(census, source) for source in census.sources),
        sum(dump_zero_pages(census, source) for source in census.sources),
    )


def unreadable(census: Census, source: SourceRows) -> int:
    """Pages of a source that were promised and not had."""
    rows = census.readable[source.first : source.first + source.pages]
    return source.facts.unreadable + int(np.count_nonzero(~rows))


def of_dump(kind: str) -> bool:
    """Whether a source of this kind has zero pages also for memory that nobody touched; ValueError
    for what is no kind."""
    return SourceKind(kind) is not SourceKind.PROCESS


def dump_zero_pages(census: Census, source: SourceRows) -> int:
    """Pages of zeros of a source that is a dump; none of a process, which has what it touched."""
    if not of_dump(source.facts.kind):
        return 0
    rows = slice(source.first, source.first + source.pages)
    read = sum(
        int(np.count_nonzero((census.hash[rows] == zero) & census.readable[rows]))
        for zero in census.contents.hash[census.contents.zero]
    )
    return read + source.facts.holes
