"""The pages of a census as the models see them: how many, how alike, how compressible."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.distinct import copies_of
from ghostswap.census.mergeable import private_pages
from ghostswap.census.strata import StratifiedSample
from ghostswap.census.table import Bools, Census, Measured, Sample
from ghostswap.kernel.zsmalloc import Counts


@dataclass(frozen=True, slots=True)
class SizeHistogram:
    """How many pages, and how many distinct contents, compress to each size.

    Index is the payload in bytes, 0 … page size + 1; the last entry stands for everything larger
    than a page.
    """

    pages: Counts
    contents: Counts

    @property
    def total_pages(self) -> int:
        """All pages in it."""
        return round(float(self.pages.sum()))

    @property
    def total_contents(self) -> int:
        """All distinct contents in it."""
        return round(float(self.contents.sum()))

    def __add__(self, other: "SizeHistogram") -> "SizeHistogram":
        return SizeHistogram(self.pages + other.pages, self.contents + other.contents)

    def __mul__(self, share: float) -> "SizeHistogram":
        return SizeHistogram(self.pages * share, self.contents * share)


@dataclass(frozen=True, slots=True)
class Copies:
    """How often contents occur: `contents[i]` distinct ones are there `copies[i]` times each."""

    copies: NDArray[np.int64]
    contents: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Population:
    """All that a system needs to know of the pages it is given, for one algorithm; None for pages
    that keep their size.

    `same_filled` are pages of one repeated word other than zero, which some systems compress.
    `copies` is of all contents, zero and same-filled ones included. `thp_share` of the pages, 0 …
    1, lie in huge pages; which they are is not known.
    """

    page_size: int
    algorithm: str | None
    zero: int
    same_filled: SizeHistogram
    data: SizeHistogram
    copies: Copies
    thp_share: float = 0.0

    @property
    def total(self) -> int:
        """All pages."""
        return self.zero + self.same_filled.total_pages + self.data.total_pages

    def outside_huge_pages(self) -> "Population":
        """Those that lie in no huge page, which are taken to be like the others."""
        share = 1 - self.thp_share
        return replace(
            self,
            zero=round(self.zero * share),
            same_filled=self.same_filled * share,
            data=self.data * share,
            thp_share=0.0,
        )


def population(census: Census, measured: Measured) -> Population | None:
    """The census under one algorithm; None when a kind of page is there of which too few were
    compressed to say anything.

    Where contents were left out (a sample, an interrupted scan), those compressed stand for the
    others of their kind; in a sample, contents with many copies stand for themselves.
    """
    contents = census.contents
    same = _histogram(census, measured, contents.same_filled)
    if census.sample is None:
        data = _histogram(census, measured, contents.data)
    else:
        data = _of_sample(census, measured, census.sample)
    if same is None or data is None:
        return None
    return _population(census, measured.algorithm, same, data)


def uncompressed(census: Census) -> Population:
    """The census as KSM meets it: every page keeps its size. `copies` is of private pages alone."""
    contents = census.contents
    same, data = (_of_full_size(census, kind) for kind in (contents.same_filled, contents.data))
    private = private_pages(census)
    return replace(
        _population(census, None, same, data), copies=Copies(*copies_of(private[private > 0]))
    )


def _population(
    census: Census, algorithm: str | None, same: SizeHistogram, data: SizeHistogram
) -> Population:
    contents = census.contents
    zero = contents.pages_of(contents.zero)
    copies = Copies(*copies_of(contents.pages))
    thp_share = min(sum(each.facts.thp for each in census.sources) / max(census.total, 1), 1.0)
    return Population(census.page_size, algorithm, zero, same, data, copies, thp_share)


def _of_full_size(census: Census, kind: Bools) -> SizeHistogram:
    pages, contents = np.zeros(census.page_size + 2), np.zeros(census.page_size + 2)
    pages[census.page_size] = census.contents.pages_of(kind)
    contents[census.page_size] = np.count_nonzero(kind)
    return SizeHistogram(pages, contents)


def _of_sample(census: Census, measured: Measured, sample: Sample) -> SizeHistogram | None:
    """The sizes of all data contents: those with many copies, and what chance chose of the rest."""
    contents = census.contents
    many = _histogram(census, measured, contents.data & (contents.pages >= sample.heavy_from))
    sampled = StratifiedSample.of(contents, measured.sizes, sample)
    # Of one alone, nobody can say how far the others may be from it.
    if many is None or len(sampled.numbers) < min(sampled.all_contents, 2):
        return None
    sizes, length = measured.sizes[sampled.numbers], census.page_size + 2
    of_pages = sampled.pages * sampled.stands_for(each_once=False)
    of_contents = sampled.stands_for(each_once=True)
    return many + SizeHistogram(
        np.bincount(sizes, of_pages, length).astype(np.float64),
        np.bincount(sizes, of_contents, length).astype(np.float64),
    )


def _histogram(census: Census, measured: Measured, which: Bools) -> SizeHistogram | None:
    """The sizes of the contents chosen, of which those compressed stand for all."""
    sizes, copies = measured.sizes[which], census.contents.pages[which]
    taken = sizes > 0
    if len(sizes) and not taken.any():
        return None
    length = census.page_size + 2
    pages = np.bincount(sizes[taken], copies[taken], length).astype(np.float64)
    contents = np.bincount(sizes[taken], minlength=length).astype(np.float64)
    if not taken.all():
        pages *= copies.sum() / copies[taken].sum()
        contents *= len(sizes) / np.count_nonzero(taken)
    return SizeHistogram(pages, contents)
