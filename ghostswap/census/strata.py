"""A sample in strata: contents that lie near one another are alike, so that a sample whose places
are known says more than its number does.

Double sampling for stratification (Cochran, Sampling Techniques, chapter 12): where contents lie is
looked up for several times as many as are compressed, since it costs little.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.distinct import rows_holding
from ghostswap.census.table import I64, U64, Bools, Contents, Sample, Sizes

Floats = NDArray[np.float64]

# How many contents are located for one that is compressed; and how many at most, for the time and
# memory that it takes.
LOCATED_FOR_EACH = 8
_MOST_LOCATED = 1 << 17
# Contents compressed in each stratum: enough to tell how they differ.
_CHOSEN_IN_EACH = 16


def strata(
    contents: Contents, light: I64, number: int, hashes: U64, readable: Bools
) -> NDArray[np.int32]:
    """The stratum of each content, by where a page of it lies; -1 for those not located.

    `light` are the numbers of the contents among which chance chooses, of which the first `number`
    are in the sample; each stratum has its share of them.
    """
    stratum = np.full(len(contents.hash), -1, dtype=np.int32)
    if number > _MOST_LOCATED:
        stratum[light[:number]] = 0
        return stratum
    located = light[: min(number * LOCATED_FOR_EACH, _MOST_LOCATED)]
    rows = rows_holding(contents.hash[located], hashes, readable)
    step = _CHOSEN_IN_EACH
    borders = np.sort(rows[:number])[step : max(number - step + 1, 0) : step]
    order = np.argsort(rows)
    begins = np.zeros(len(rows), dtype=np.int32)
    begins[np.searchsorted(rows[order], borders)] = 1
    stratum[located[order]] = np.cumsum(begins)
    return stratum


@dataclass(frozen=True, slots=True)
class StratifiedSample:
    """The contents compressed by chance, for one algorithm, and what is known of all the others.

    `numbers`, `stratum` and `pages` have an entry for each content compressed: its number, its
    stratum, and how many pages hold it. The other arrays have one for each stratum: how many
    contents were located in it, the pages that hold them, and the sum of the squares of those.
    `all_contents` and `all_pages` count what chance chose among, located or not.
    """

    numbers: I64
    stratum: NDArray[np.int32]
    pages: Floats
    located: Floats
    located_pages: Floats
    located_squares: Floats
    all_contents: int
    all_pages: int

    @classmethod
    def of(cls, contents: Contents, sizes: Sizes, sample: Sample) -> "StratifiedSample":
        """From the sizes of one algorithm, which are known for the contents of the sample."""
        light = contents.data & (contents.pages < sample.heavy_from)
        located = np.flatnonzero((sample.stratum >= 0) & light)
        numbers = located[sizes[located] > 0]
        number = int(sample.stratum.max(initial=0)) + 1
        # After an interruption a stratum may have none compressed: the others stand for it.
        known = np.bincount(sample.stratum[numbers], minlength=number) > 0
        located = located[known[sample.stratum[located]]]
        at, pages = sample.stratum[located], contents.pages[located].astype(np.float64)
        return cls(
            numbers,
            sample.stratum[numbers],
            contents.pages[numbers].astype(np.float64),
            _sums(at, np.ones_like(pages), number),
            _sums(at, pages, number),
            _sums(at, pages**2, number),
            int(np.count_nonzero(light)),
            int(contents.pages.sum() - contents.pages[~light].sum()),  # few are not
        )

    def stands_for(self, *, each_once: bool) -> Floats:
        """For how many contents each one compressed stands, itself included; for how many pages
        each of its pages does, unless `each_once`."""
        stored = self.stored(each_once=each_once)
        located = self.located if each_once else self.located_pages
        everything = self.all_contents if each_once else self.all_pages
        inside = self._sum(stored)
        # In this order it is exactly 1 where all of them are known.
        share = everything * located / np.maximum(located.sum() * inside, 1)
        weights: Floats = share[self.stratum]
        return weights

    def variance(self, bytes_each: Floats, *, each_once: bool) -> float:
        """That of the bytes which all are estimated to take, where those compressed, two at least,
        take `bytes_each`."""
        stored = self.stored(each_once=each_once)
        squares = self.located if each_once else self.located_squares
        everything = self.all_contents if each_once else self.all_pages
        total = float((stored * bytes_each) @ self.stands_for(each_once=each_once))
        rate = self._sum(stored * bytes_each) / np.maximum(self._sum(stored), 1)
        sampled, located = self._sum(np.ones_like(stored)), self.located

        residuals = self._sum((stored * (bytes_each - rate[self.stratum])) ** 2)
        pooled = residuals.sum() / max(len(stored) - np.count_nonzero(sampled), 1)
        within = np.where(sampled > 1, residuals / np.maximum(sampled - 1, 1), pooled)
        share = located / located.sum()
        between = float(squares @ (rate - total / everything) ** 2 / located.sum())
        of_located = (1 / located.sum() - 1 / self.all_contents) * (between + share @ within)
        there = sampled > 0
        left = 1 / sampled[there] - 1 / located[there]
        of_sampled = (share**2 * within)[there] @ left
        return self.all_contents**2 * float(of_located + of_sampled)

    def stored(self, *, each_once: bool) -> Floats:
        """How often a system stores each one compressed."""
        return np.ones_like(self.pages) if each_once else self.pages

    def _sum(self, values: Floats) -> Floats:
        """The sum of `values` in each stratum."""
        return _sums(self.stratum, values, len(self.located))


def _sums(at: NDArray[np.int32], values: Floats, number: int) -> Floats:
    """The sum of the values at each of 0 … number - 1."""
    sums: Floats = np.bincount(at, values, number).astype(np.float64)
    return sums
