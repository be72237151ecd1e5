"""Which pages are watched, and how far what they show may be from all pages: arithmetic only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_WATCHED = 10_000  # so many pages tell a share within one percentage point
AGES = (30.0, 120.0, 600.0, 3600.0)  # seconds
_DEVIATIONS = 1.959964  # a normal variable lies within so many of them 95 times in 100


@dataclass(frozen=True, slots=True)
class Age:
    """The share (0 … 1) of the pages watched that nothing has touched for `seconds`."""

    seconds: float
    share: float


def most_pages(seconds: float, per_second: int) -> int:
    """How many pages may be watched for `seconds`, where so many for each second are paid for."""
    return min(MOST_WATCHED, max(int(seconds * per_second), 1))


def choose(pages: Sequence[int], number: int, seed: int) -> list[I64]:
    """`number` pages drawn at random, each as likely as any other, out of sources that have `pages`
    pages each; all of them where there are no more. Per source: ascending page numbers."""
    first = np.cumsum([0, *pages])
    total = int(first[-1])
    drawn = np.arange(total, dtype=np.int64)
    if number < total:
        random = np.random.default_rng(seed)
        drawn = np.sort(random.choice(total, number, replace=False, shuffle=False))
    cuts = np.searchsorted(drawn, first)
    return [drawn[cuts[i] : cuts[i + 1]] - first[i] for i in range(len(pages))]


def share_error(part: int, sampled: int, total: int) -> float:
    """How far the share part/sampled may be from that of all `total` pages, at 95 % confidence.

    How far the farther end of Wilson's interval (1927) is, which stays above zero when none or all
    of the pages are of one kind; narrowed as the sample nears the whole, and corrected by half a
    page since pages are counted whole.
    """
    if sampled == 0:
        return 1.0
    if sampled >= total:
        return 0.0
    share = part / sampled
    squared = _DEVIATIONS**2 * (1 - sampled / total) / sampled
    middle = (share + squared / 2) / (1 + squared)
    half = math.sqrt(share * (1 - share) * squared + squared**2 / 4) / (1 + squared)
    return min(max(middle + half - share, share - middle + half) + 0.5 / sampled, 1.0)


def total_error(values: Floats, total: int) -> float:
    """How far the sum of `values` over a sample, scaled to all `total` pages, may be from theirs,
    as a fraction of it at 95 % confidence. Infinite where the sample says nothing."""
    sampled = len(values)
    if sampled >= total:
        return 0.0
    if sampled < 2 or not values.any():
        return math.inf
    deviation = float(values.std(ddof=1)) * math.sqrt((1 - sampled / total) / sampled)
    return _DEVIATIONS * deviation / float(values.mean())


def ages(untouched: Floats, watched: float, asked: float) -> tuple[Age, ...]:
    """The share of pages at each age that the watch was long enough for, ascending.

    `untouched` says for how many seconds each page has been, at the end of `watched` seconds.
    """
    steps = sorted({step for step in (*AGES, asked) if step <= watched})
    pages = max(len(untouched), 1)
    return tuple(Age(step, int(np.count_nonzero(untouched >= step)) / pages) for step in steps)


def distinct_range(copies: I64, fraction: float) -> tuple[float, float]:
    """Between which numbers the distinct contents of all pages lie, where a sample of them, drawn
    with probability `fraction` each, holds contents `copies` times.

    At least: the lower bound of Chao and Lin (2012) for sampling without replacement. At most: what
    was drawn once has no copy, and what was drawn repeatedly is one content of many copies.
    """
    once, twice = int(np.count_nonzero(copies == 1)), int(np.count_nonzero(copies == 2))
    repeated = len(copies) - once
    most = repeated + once / fraction
    if fraction >= 1 or not once:
        return float(len(copies)), float(len(copies)) if fraction >= 1 else most
    drawn = int(copies.sum())
    unseen = drawn / max(drawn - 1, 1) * 2 * twice + fraction / (1 - fraction) * once
    return min(len(copies) + once**2 / unseen, most), most
