"""Where a source's pages lie: runs of pages one behind the other, as columns.

Pages of a source are numbered 0, 1, 2, … through all its runs. A core has up to 65,535 runs and a
process many more, so they are columns and not objects.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Piece:
    """Neighbouring pages of one run: where they lie and how many bytes of them exist."""

    first: int  # number of the first page within the source
    offset: int  # bytes, in the file or in the address space
    length: int  # bytes that exist; the rest of the last page is zeros
    pages: int


@dataclass(frozen=True, slots=True)
class Runs:
    """Columns `offset` and `length` (bytes, int64) of runs, and the page each begins at.

    A run whose length is no whole number of pages ends in a page padded with zeros.
    """

    page_size: int
    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    first: NDArray[np.int64]  # one longer than the others: its last entry is the number of pages

    @classmethod
    def of(cls, page_size: int, offset: NDArray[np.int64], length: NDArray[np.int64]) -> "Runs":
        """Number the pages of runs that begin at `offset` and have `length` bytes each."""
        first = np.zeros(len(offset) + 1, dtype=np.int64)
        np.cumsum((length + page_size - 1) // page_size, out=first[1:])
        return cls(page_size, offset, length, first)

    @property
    def pages(self) -> int:
        """How many pages all runs hold."""
        return int(self.first[-1])

    def pieces(self, first: int, pages: int) -> Iterator[Piece]:
        """The pages `first` … `first + pages - 1`, cut where one run ends and the next begins."""
        end = min(first + pages, self.pages)
        run = int(self.first.searchsorted(first, side="right")) - 1
        while first < end:
            stop = min(self.first.item(run + 1), end)
            skip = (first - self.first.item(run)) * self.page_size
            rest = self.length.item(run) - skip
            count = stop - first
            if count:
                yield Piece(
                    first,
                    self.offset.item(run) + skip,
                    min(rest, count * self.page_size),
                    count,
                )
            first = stop
            run += 1
