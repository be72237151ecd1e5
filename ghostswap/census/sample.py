"""Which contents a quick estimate compresses.

Dedup needs no sample: every page is hashed. A content is in the sample when its hash is among the
lowest, so that all copies of it are in or out together and the same pages give the same sample.
Contents with many copies weigh much, so they are all compressed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ghostswap.census.spread import DEVIATIONS, PoolCost, Spread
from ghostswap.census.table import I64, Contents, Sample, Sizes

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
_LOOK_MARGIN = 1.1
_ALL_HASHES = (1 << 64) - 1


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
        needed = _LOOK_MARGIN * float(DEVIATIONS * each.std() / each.mean() / self.error) ** 2
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
        for number in range(_ROUNDS):
            sample = Sample(self.error, heavy_from, cutoff)
            spreads = [Spread.of(contents, row, sample) for row in sizes]
            error = max(
                spread.relative_error(self.cost, each_once=once)
                for spread in spreads
                for once in (False, True)
            )
            grow = error > self.error and done < len(light)
            if number and not grow:
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


def _heavy_from(pages: I64) -> int:
    """From how many copies on a content is compressed for certain."""
    repeated = pages[pages > 1]
    if len(repeated) <= HEAVY_CONTENTS:
        return 2
    return int(np.partition(repeated, -HEAVY_CONTENTS)[-HEAVY_CONTENTS]) + 1
