"""Which contents a quick estimate compresses, and how far its figures may then be from the exact.

Dedup needs no sample: every page is hashed. A content is in the sample when its hash is among the
lowest, so that all copies of it are in or out together and the same pages give the same sample.
Contents with many copies weigh much, so they are all compressed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.table import I64, Bools, Contents, Sample, Sizes

# A normal variable lies within so many standard deviations 95 times in 100; a little more, since a
# sample's spread, from which they are counted, may itself be too small.
Z_95 = 1.959964 * 1.06
CONFIDENCE = 0.95
# The contents with the most copies, all of which are compressed.
HEAVY_CONTENTS = 4096
# A sample's own estimate of its error is uncertain: aim a little below what was asked for.
_MARGIN = 1.08
_ROUNDS = 5
# By experience this many contents give an error of 0.5 %, whatever the size of the dump; mostly
# fewer do, as a look at some of them tells.
_CONTENTS_FOR_HALF_PERCENT = 40_000
_FEWEST_CONTENTS = 4096
# So many must have been looked at to say how much contents differ; a little more are taken than
# that says, since a second round costs more a content.
_FEWEST_LOOKED_AT = 64
_LOOK_MARGIN = 1.25
_ALL_HASHES = (1 << 64) - 1


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
class Sampling:
    """What a sample is to reach: a relative error of the pool, at 95 % confidence."""

    error: float
    cost: PoolCost

    @property
    def contents(self) -> int:
        """How many contents will probably do."""
        wanted = round(_CONTENTS_FOR_HALF_PERCENT * (0.005 / self.error) ** 2)
        return max(wanted, _FEWEST_CONTENTS)

    def first_cutoff(self, contents: int, looked_at: Sizes) -> int:
        """The largest hash in the first sample, where there are about so many contents, some of
        which have the sizes `looked_at`, a row an algorithm."""
        wanted = max(self._enough(contents, row) for row in looked_at)
        return _ALL_HASHES * wanted // max(contents, wanted)

    def _enough(self, contents: int, looked_at: Sizes) -> int:
        """How many of the contents will probably do, for sizes like these."""
        if len(looked_at) < _FEWEST_LOOKED_AT:
            return self.contents
        each = self.cost.of_size[looked_at]
        needed = _LOOK_MARGIN * float(Z_95 * each.std() / each.mean() / self.error) ** 2
        return max(round(needed / (1 + needed / contents)), _FEWEST_CONTENTS)

    def once(self, contents: Contents, sizes: Sizes, cutoff: int) -> Sample:
        """The sample where it cannot grow, since its pages came only once."""
        sizes[:, contents.hash > np.uint64(cutoff)] = 0
        return Sample(self.error, np.iinfo(np.int64).max, cutoff)

    def rounds(self, contents: Contents, sizes: Sizes, cutoff: int) -> Iterator[tuple[Sample, I64]]:
        """The sample as it grows, each with the numbers of the contents to compress next.

        `sizes` has a row an algorithm; contents up to `cutoff` are in it, and those of each round
        must be when the next is taken.
        """
        data = np.flatnonzero(contents.data)
        heavy_from = _heavy_from(contents.pages[data])
        certain = contents.pages[data] >= heavy_from
        light = data[~certain]
        also = np.concatenate([np.flatnonzero(contents.same_filled), data[certain]])
        unknown = also[sizes[0][also] == 0]
        done = int(np.searchsorted(contents.hash[light], np.uint64(cutoff), side="right"))
        for round_ in range(_ROUNDS):
            sample = Sample(self.error, heavy_from, cutoff)
            error = max(
                relative_error(contents, row, sample, self.cost, each_once=once)
                for row in sizes
                for once in (False, True)
            )
            grow = error > self.error and done < len(light)
            if round_ and not grow:
                return
            want = self._grown(done, len(light), error) if grow else done
            if grow:
                cutoff = int(contents.hash[light[want - 1]])
            yield (
                Sample(self.error, heavy_from, cutoff),
                np.concatenate([unknown, light[done:want]]),
            )
            done, unknown = want, unknown[:0]

    def _grown(self, done: int, number: int, error: float) -> int:
        """How many of `number` contents to take where `done` gave too large an error: its square
        falls as 1 / done - 1 / number does."""
        if done < _FEWEST_CONTENTS or math.isinf(error):
            return min(self.contents, number)
        fall = (self.error / (_MARGIN * error)) ** 2
        return min(math.ceil(1 / (1 / number + (1 / done - 1 / number) * fall)), number)


def relative_error(
    contents: Contents,
    sizes: NDArray[np.unsignedinteger],
    sample: Sample,
    cost: PoolCost,
    *,
    each_once: bool,
) -> float:
    """How far a pool estimated from the sample may be from the exact one: a fraction of it.

    Half the width of the 95 % interval of a ratio estimate, with the correction for a finite
    population; and a zspage for each size class that the sample left empty, since the few objects
    that it may have would take one. `sizes` are those of one algorithm; `each_once` is for systems
    that store a content once, else every copy counts. Infinite where the sample says nothing.
    """
    data = contents.data
    certain = data & (contents.pages >= sample.heavy_from)
    light = data & ~certain
    last = int(np.searchsorted(contents.hash, np.uint64(sample.cutoff), side="right"))
    taken = np.flatnonzero(light[:last] & (sizes[:last] > 0))
    number, sampled = int(np.count_nonzero(light)), len(taken)

    def weight(chosen: Bools | I64) -> NDArray[np.float64]:
        pages = contents.pages[chosen].astype(np.float64)
        return np.ones_like(pages) if each_once else pages

    known_ones = certain & (sizes > 0)
    known = float((weight(known_ones) * cost.of_size[sizes[known_ones]]).sum())
    if number == sampled:
        return 0.0
    if sampled < 2:
        return math.inf
    copies, bytes_each = weight(taken), cost.of_size[sizes[taken]]
    rate = float((copies * bytes_each).sum() / copies.sum())
    residual = float((copies * (bytes_each - rate)).var(ddof=1))
    variance = number * (number - sampled) / sampled * residual
    empty = np.ones(len(cost.zspage_bytes), dtype=np.bool_)
    empty[cost.class_of_size[sizes[taken]]] = False
    empty[cost.class_of_size[sizes[known_ones]]] = False
    # Both the pool and its estimate end in a zspage filled by chance, a variance of 1/12 each.
    variance += float((cost.zspage_bytes[~empty] ** 2).sum()) / 6
    total = known + rate * float(weight(data & ~known_ones).sum())
    left_out = float(cost.zspage_bytes[empty].sum())
    return (Z_95 * math.sqrt(variance) + left_out) / total if total else math.inf


def _heavy_from(pages: I64) -> int:
    """From how many copies on a content is compressed for certain."""
    repeated = pages[pages > 1]
    if len(repeated) <= HEAVY_CONTENTS:
        return 2
    return int(np.partition(repeated, -HEAVY_CONTENTS)[-HEAVY_CONTENTS]) + 1
