"""How far figures that follow from a sample may be from the exact ones."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.strata import StratifiedSample
from ghostswap.census.table import Contents, Sample, Sizes

CONFIDENCE = 0.95
# A normal variable lies within so many standard deviations 95 times in 100; a little more, since a
# sample's spread, from which they are counted, may itself be too small.
DEVIATIONS = 1.959964 * 1.06


@dataclass(frozen=True, slots=True)
class PoolCost:
    """What objects cost a pool, by their payload of n bytes, n up to page size + 1.

    An object adds `of_size[n]` bytes on average; it belongs to size class `class_of_size[n]`, whose
    memory comes in zspages of `zspage_bytes[class]`, the last of which is filled by chance.
    """

    of_size: NDArray[np.float64]
    class_of_size: NDArray[np.int64]
    zspage_bytes: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampleError:
    """What a sample tells of one algorithm's sizes: of contents compressed by chance, and of those
    compressed for their many copies."""

    sampled: StratifiedSample
    sampled_sizes: Sizes
    many_sizes: Sizes
    many_pages: NDArray[np.float64]
    contents: int  # of data, in all
    pages: int

    @classmethod
    def of(cls, contents: Contents, sizes: Sizes, sample: Sample) -> "SampleError":
        """From the sizes of one algorithm, which are known for the contents of the sample."""
        sampled = StratifiedSample.of(contents, sizes, sample)
        many = np.flatnonzero(contents.data & (contents.pages >= sample.heavy_from))
        known = many[sizes[many] > 0]
        return cls(
            sampled,
            sizes[sampled.numbers],
            sizes[known],
            contents.pages[known].astype(np.float64),
            sampled.all_contents + len(many),
            sampled.all_pages + int(contents.pages[many].sum()),
        )

    def relative_error(self, cost: PoolCost, *, each_once: bool) -> float:
        """How far a pool estimated from the sample may be from the exact one: a fraction of it.

        Half the width of the 95 % interval; and a zspage for each size class that the sample left
        empty, since the few objects that it may have would take one. `each_once` is for systems
        that store a content once, else every copy counts. Infinite for a sample too small to tell.
        """
        sampled = len(self.sampled_sizes)
        if sampled == self.sampled.all_contents:
            return 0.0
        if sampled < 2:
            return math.inf
        bytes_each = cost.of_size[self.sampled_sizes]
        variance = self.sampled.variance(bytes_each, each_once=each_once)
        empty = np.ones(len(cost.zspage_bytes), dtype=np.bool_)
        empty[cost.class_of_size[self.sampled_sizes]] = False
        empty[cost.class_of_size[self.many_sizes]] = False
        # Both the pool and its estimate end in a zspage filled by chance, a variance of 1/12 each.
        variance += float((cost.zspage_bytes[~empty] ** 2).sum()) / 6
        left_out = float(cost.zspage_bytes[empty].sum())
        total = self._total(cost, bytes_each, each_once=each_once)
        # A pool of nothing, as zswap's of pages that it refuses, may be off by all of it.
        return (DEVIATIONS * math.sqrt(variance) + left_out) / total if total else 1.0

    def _total(self, cost: PoolCost, bytes_each: NDArray[np.float64], *, each_once: bool) -> float:
        """About how large the pool is; what is still to be compressed is taken to be like those
        that chance chose."""
        stored = self.sampled.stored(each_once=each_once)
        many = np.ones_like(self.many_pages) if each_once else self.many_pages
        others = (self.contents if each_once else self.pages) - float(many.sum())
        rate = float(stored @ bytes_each / stored.sum())
        return float(many @ cost.of_size[self.many_sizes]) + rate * others
