"""Which contents a quick estimate compresses.

Dedup needs no sample: every page is hashed. A content is in the sample when its hash is among the
lowest, so that all copies of it are in or out together and the same pages give the same sample.
Contents with many copies weigh much, so they are all compressed; so are same-filled ones.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ghostswap.census.distinct import copies_of
from ghostswap.census.sample_error import DEVIATIONS, PoolCost, SampleError
from ghostswap.census.strata import LOCATED_FOR_EACH, strata
from ghostswap.census.table import I64, U64, Bools, Contents, Sample, Sizes

# The contents with the most copies, all of which are compressed.
HEAVY_CONTENTS = 4096
# How much larger the variance may be for contents that weigh unlike each other.
_UNLIKE = 1.1
# A sample's own estimate of its error is uncertain: aim a little below what was asked for.
_MARGIN = 1.08
_ROUNDS = 5
# By experience this many contents give an error of 0.5 %, whatever the size of the dump; mostly
# fewer do, as a look at some of them tells.
_CONTENTS_FOR_HALF_PERCENT = 40_000
_FEWEST_CONTENTS = 4096
# So many must have been looked at to say how much contents differ.
_FEWEST_LOOKED_AT = 64
_ALL_HASHES = (1 << 64) - 1
_NEVER = (1 << 63) - 1  # copies, more than there are

Rows = tuple[U64, Bools]  # a hash a page of the sources, and which pages were had


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a sample is to reach: a relative error of the pool, at 95 % confidence."""

    error: float
    cost: PoolCost

    @property
    def contents(self) -> int:
        """How many contents will probably do."""
        enough = round(_CONTENTS_FOR_HALF_PERCENT * (0.005 / self.error) ** 2)
        return max(enough, _FEWEST_CONTENTS)

    def first_cutoff(self, contents: int, looked_at: Sizes) -> int:
        """The largest hash in the first sample, where there are about so many contents, some of
        which have the sizes `looked_at`, a row an algorithm."""
        enough = max(self._enough(contents, row) for row in looked_at)
        return _ALL_HASHES * enough // max(contents, enough)

    def _enough(self, contents: int, looked_at: Sizes) -> int:
        """How many of the contents will probably do, for sizes like these."""
        if len(looked_at) < _FEWEST_LOOKED_AT:
            return self.contents
        each = self.cost.of_size[looked_at]
        # How contents differ, and how neighbours do, which is what remains within strata.
        variance = float(each.var())
        within = min(float((np.diff(each) ** 2).mean()) / 2, variance)
        variance = within + (variance - within) / LOCATED_FOR_EACH
        needed = variance * (DEVIATIONS / (self.error * float(each.mean()))) ** 2
        return max(round(needed / (1 + needed / contents)), _FEWEST_CONTENTS)

    def once(self, contents: Contents, sizes: Sizes, cutoff: int, rows: Rows) -> Sample:
        """The sample where it cannot grow, since its pages came only once."""
        sample = by_hash(contents, cutoff, rows, self.error)
        drop_unchosen(contents, sizes, sample)
        return sample

    def rounds(
        self, contents: Contents, sizes: Sizes, cutoff: int, rows: Rows
    ) -> Iterator[tuple[Sample, I64]]:
        """The sample as it grows, each with the numbers of the contents to compress next.

        `sizes` has a row an algorithm; contents up to `cutoff` are in it, and those of each round
        must be when the next is taken. `rows` are all rows of the census.
        """
        heavy_from = _heavy_from(contents.pages[contents.data])
        by_chance = contents.data & (contents.pages < heavy_from)
        light, certain = np.flatnonzero(by_chance), np.flatnonzero(~(by_chance | contents.zero))
        unknown = certain[sizes[0][certain] == 0]
        sample = self._sample(contents, light, heavy_from, cutoff, rows)
        done = _up_to(cutoff, contents, light)
        for number in range(_ROUNDS):
            error = self._error(contents, sizes, sample)
            want = done
            if error > self.error and done < len(light):
                want = self._grown(done, len(light), error) if number < _ROUNDS - 2 else len(light)
                cutoff = int(contents.hash[light[want - 1]])
                sample = self._sample(contents, light, heavy_from, cutoff, rows)
            elif number:
                return
            yield sample, np.concatenate([unknown, light[done:want]])
            done, unknown = want, unknown[:0]

    def _sample(
        self, contents: Contents, light: I64, heavy_from: int, cutoff: int, rows: Rows
    ) -> Sample:
        return _sample(self.error, contents, light, heavy_from, cutoff, rows)

    def _error(self, contents: Contents, sizes: Sizes, sample: Sample) -> float:
        """The largest over all algorithms, and over systems that store a content once or often."""
        errors = [SampleError.of(contents, row, sample) for row in sizes]
        return max(
            error.relative_error(self.cost, each_once=once)
            for error in errors
            for once in (False, True)
        )

    def _grown(self, done: int, number: int, error: float) -> int:
        """How many of `number` contents to take where `done` gave too large an error: its square
        falls as 1 / done - 1 / number does."""
        if done < _FEWEST_CONTENTS // 2 or math.isinf(error):
            return min(self.contents, number)
        fall = (self.error / (_MARGIN * error)) ** 2
        return min(math.ceil(1 / (1 / number + (1 / done - 1 / number) * fall)), number)


def by_hash(contents: Contents, cutoff: int, rows: Rows, error: float = 0.0) -> Sample:
    """The sample of all data contents with a hash up to `cutoff`; `error` is what was asked for."""
    return _sample(error, contents, np.flatnonzero(contents.data), _NEVER, cutoff, rows)


def drop_unchosen(contents: Contents, sizes: Sizes, sample: Sample) -> None:
    """Forget the sizes, a row an algorithm, of data contents that `sample` did not choose."""
    light = contents.data & (contents.pages < sample.heavy_from)
    sizes[:, light & (contents.hash > np.uint64(sample.cutoff))] = 0


def _sample(
    error: float, contents: Contents, light: I64, heavy_from: int, cutoff: int, rows: Rows
) -> Sample:
    number = _up_to(cutoff, contents, light)
    return Sample(error, heavy_from, cutoff, strata(contents, light, number, *rows))


def _up_to(cutoff: int, contents: Contents, numbers: I64) -> int:
    """How many of the contents `numbers`, ascending, have a hash up to `cutoff`."""
    beyond = np.searchsorted(contents.hash, np.uint64(cutoff), side="right")
    return int(np.searchsorted(numbers, beyond))


def _heavy_from(pages: I64) -> int:
    """From how many copies on a content is compressed for certain: from so many that the others
    weigh nearly alike, and no more contents than HEAVY_CONTENTS.

    One of a hundred copies in a sample of one in forty would stand for four thousand pages.
    """
    copies, number = copies_of(pages)
    if not len(copies):
        return _NEVER
    # Of contents with up to so many copies: their number, their pages, the squares of those.
    contents, all_pages = np.cumsum(number), np.cumsum(number * copies)
    squares = np.cumsum(number * copies.astype(np.float64) ** 2)
    alike = contents * squares <= _UNLIKE * all_pages.astype(np.float64) ** 2
    few_others = contents >= contents[-1] - HEAVY_CONTENTS
    (fit,) = np.nonzero(alike & few_others)
    last = fit[-1] if len(fit) else np.argmax(few_others)
    return int(copies[last]) + 1
