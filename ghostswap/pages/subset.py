"""Some pages of a source, as a source of their own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ghostswap.pages.runs import Runs
from ghostswap.pages.source import Opener, Reader, Segment, Source

I64 = NDArray[np.int64]


def subset(source: Source, numbers: I64) -> Source:
    """The pages `numbers` (ascending) of `source`, numbered anew from 0."""
    runs = source.runs
    size = np.full(len(numbers), runs.page_size, dtype=np.int64)
    kept = Runs.of(runs.page_size, addresses(source, numbers), size)
    opener: Opener = partial(_open, source.open, numbers)
    if source.open_runs is not None:  # reads many scattered pages at once
        opener = partial(source.open_runs, kept)
    return replace(
        source,
        runs=kept,
        open=opener,
        segments=_segments(source.segments, numbers),
    )


def addresses(source: Source, numbers: I64) -> I64:
    """Where pages lie, in bytes: in the address space of a process, in a file."""
    runs = source.runs
    run = runs.first.searchsorted(numbers, side="right") - 1
    offsets: I64 = runs.offset[run] + (numbers - runs.first[run]) * runs.page_size
    return offsets


def _open(opener: Opener, numbers: I64) -> "SubsetReader":
    return SubsetReader(opener(), numbers)


@dataclass(frozen=True, slots=True)
class SubsetReader:
    """Reads through the reader of the whole source."""

    whole: Reader
    numbers: I64

    @property
    def swapped_in(self) -> int:
        """Pages that reading brought back from swap."""
        return self.whole.swapped_in

    def read(self, first: int, pages: int, into: memoryview) -> NDArray[np.bool_]:
        numbers = self.numbers[first : first + pages]
        readable = np.zeros(pages, dtype=np.bool_)
        begins = np.flatnonzero(np.diff(numbers, prepend=-2) != 1)
        ends = np.append(begins[1:], len(numbers))[: len(begins)]
        page_size = len(into) // pages
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            room = into[begin * page_size : end * page_size]
            readable[begin:end] = self.whole.read(int(numbers[begin]), end - begin, room)
        return readable

    def close(self) -> None:
        self.whole.close()


def _segments(whole: Iterable[Segment], numbers: I64) -> tuple[Segment, ...]:
    """The segments of the pages `numbers`; none where the source has none."""
    segments = list(whole)
    cuts = np.searchsorted(numbers, [each.first for each in segments])
    stops = np.searchsorted(numbers, [each.first + each.pages for each in segments])
    return tuple(
        Segment(begin, end - begin, segment.mapping, offered=segment.offered)
        for segment, begin, end in zip(segments, cuts.tolist(), stops.tolist(), strict=True)
        if begin < end
    )
