"""What a sample of pages, watched for a while, says of all of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.distinct import contents_numbers
from ghostswap.census.population import Copies, Population, SizeHistogram, population
from ghostswap.census.sample_error import PoolCost
from ghostswap.census.table import Bools, Census, Measured
from ghostswap.idle.sample import Age, distinct_range, share_error, total_error

I64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IdleMemory:
    """The `share` of `total_pages` that nothing touched for `seconds`, as `tracker` saw it; at 95 %
    confidence it is not farther off than `share_error`."""

    seconds: float
    tracker: str
    total_pages: int
    share: float
    share_error: float

    @property
    def most_pages(self) -> int:
        """As many pages as may be idle."""
        return math.ceil(min(self.share + self.share_error, 1.0) * self.total_pages)


@dataclass(frozen=True, slots=True)
class IdleShare:
    """How many pages were watched, and how many of them were idle at the end.

    `tracked` and `idle` count pages of the sample, by source. `total_pages` is what the sample
    stands for: all pages counted, without the share of them that is `locked` (in the sample) and
    never swapped. `dropped` pages of the sample were freed, moved or swapped out meanwhile.
    """

    seconds: float
    tracker: str
    pages: tuple[int, ...]  # of each source, watched or not
    tracked: tuple[int, ...]
    idle: tuple[int, ...]
    total_pages: int
    locked: int
    dropped: int
    ages: tuple[Age, ...]
    cpu_share: float | None  # of one core, that watching took
    partial: bool

    @property
    def tracked_pages(self) -> int:
        """Pages watched from beginning to end."""
        return sum(self.tracked)

    @property
    def share(self) -> float:
        """The idle part of them, 0 … 1."""
        return sum(self.idle) / max(self.tracked_pages, 1)

    @property
    def share_error(self) -> float:
        """How far the share may be from that of all pages, at 95 % confidence."""
        return share_error(sum(self.idle), self.tracked_pages, self.total_pages)

    @property
    def memory(self) -> IdleMemory:
        """What it says of all pages."""
        return IdleMemory(
            self.seconds, self.tracker, self.total_pages, self.share, self.share_error
        )

    @property
    def idle_pages(self) -> int:
        """How many of all pages are idle, by this share."""
        return round(self.share * self.total_pages)

    @property
    def fraction(self) -> float:
        """How many of all pages were watched, 0 … 1."""
        return min(self.tracked_pages / max(self.total_pages, 1), 1.0)


@dataclass(frozen=True, slots=True)
class IdleCensus:
    """The idle pages of the sample and those that were touched, and what they say of all pages."""

    idle: Census
    touched: Census
    share: IdleShare


def scaled_population(census: Census, measured: Measured, share: IdleShare) -> Population | None:
    """All idle pages under one algorithm, by those of the sample; None where too few were read."""
    pages = population(census, measured)
    return None if pages is None else scaled(pages, census, share)


def scaled(pages: Population, census: Census, share: IdleShare) -> Population:
    """All idle pages, where `pages` are those of the sample, which `census` is of."""
    counts = scaled_counts(census, share)

    def sizes(sampled: SizeHistogram, kind: Bools, number: int) -> SizeHistogram:
        seen = max(int(np.count_nonzero(kind)), 1)
        each = _distinct(census, kind, share) / seen
        factor = number / max(float(sampled.pages.sum()), 1.0)
        return SizeHistogram(sampled.pages * factor, sampled.contents * each)

    contents = census.contents
    return Population(
        pages.page_size,
        pages.algorithm,
        counts["zero"],
        sizes(pages.same_filled, contents.same_filled, counts["same_filled"]),
        sizes(pages.data, contents.data, counts["data"]),
        scaled_copies(census, share),
        # The sources of the sample tell of all their pages.
        min(sum(each.facts.thp for each in census.sources) / max(share.total_pages, 1), 1.0),
    )


def scaled_counts(census: Census, share: IdleShare) -> dict[str, int]:
    """All idle pages by kind: total = zero + same_filled + data, data = distinct + duplicate."""
    contents = census.contents
    factor = share.idle_pages / max(census.total, 1)
    kinds = (contents.zero, contents.same_filled, contents.data)
    # Rounded sums, not rounded parts: these add up, and of a kind that is not there are none.
    ends = np.rint(np.cumsum([0, *map(contents.pages_of, kinds)]) * factor).astype(np.int64)
    zero, same, data = np.diff(ends).tolist()
    total = zero + same + data
    distinct = min(round(_distinct(census, contents.data, share)), data)
    return {
        "total": total,
        "zero": zero,
        "same_filled": same,
        "data": data,
        "distinct": distinct,
        "duplicate": data - distinct,
    }


def scaled_copies(census: Census, share: IdleShare) -> Copies:
    """How often contents occur among all idle pages: those drawn repeatedly as often as that says,
    those drawn once once or twice, so that they make the estimated number of contents."""
    contents = census.contents
    factor = share.idle_pages / max(census.total, 1)
    repeated = contents.pages > 1
    copies = np.maximum(np.rint(contents.pages[repeated] * factor), 1).astype(np.int64)
    pages = max(share.idle_pages - int(copies.sum()), 0) if census.total else 0
    everything = np.ones(len(contents.pages), dtype=np.bool_)
    once = round(_distinct(census, everything, share)) - len(copies)
    once = min(max(once, -(-pages // 2)), pages)
    twice = pages - once
    return Copies(np.append(copies, [1, 2]), np.append(np.ones_like(copies), [once - twice, twice]))


def idle_error(
    census: Census, measured: Measured, share: IdleShare, cost: PoolCost, *, each_once: bool
) -> float:
    """How far the pool of all idle pages may be from its estimate: a fraction of it, at 95 %;
    1 where nobody can tell.

    It holds what chance does to the share and to the sizes alike; and, for systems that store a
    content once (`each_once`), between which numbers of contents the sample leaves the choice.
    """
    contents = census.contents
    known = contents.data & (measured.sizes > 0)
    sizes = measured.sizes[known]
    taken = np.repeat(cost.of_size[sizes], contents.pages[known])
    values = np.zeros(max(share.tracked_pages, len(taken)))
    values[: len(taken)] = taken
    total = max(share.total_pages, len(values))
    error = total_error(values, total)
    if total > len(values) and taken.any():
        # As for any sample: a class that it left empty may hold a zspage all the same.
        empty = np.ones(len(cost.zspage_bytes), dtype=np.bool_)
        empty[cost.class_of_size[sizes]] = False
        error += float(cost.zspage_bytes[empty].sum()) / (float(values.mean()) * total)
    return min(error + (distinct_error(census, share) if each_once else 0.0), 1.0)


def distinct_error(census: Census, share: IdleShare) -> float:
    """How far the number of distinct data contents may be from its estimate, as a fraction."""
    least, most = distinct_range(census.contents.pages[census.contents.data], share.fraction)
    return (most - least) / (most + least) if most else 0.0


def sharing_error(census: Census, share: IdleShare) -> float:
    """How far what KSM keeps may be from that of all idle pages, as a fraction."""
    error = share.share_error / share.share if share.share else 0.0
    return min(error + distinct_error(census, share), 1.0)


def _distinct(census: Census, kind: Bools, share: IdleShare) -> float:
    """About how many distinct contents of a kind all idle pages have: midway between bounds."""
    least, most = distinct_range(census.contents.pages[kind], share.fraction)
    return (least + most) / 2


@dataclass(frozen=True, slots=True)
class IdleGroup:
    """The pages of one process or control group: those watched, how many of them were idle, and
    what data pages compress to on average (bytes; None where none was compressed)."""

    name: str
    tracked_pages: int
    idle_pages: int
    share: float
    share_error: float
    idle_mean_bytes: float | None
    touched_mean_bytes: float | None


def idle_groups(sampled: IdleCensus, labels: Sequence[str]) -> list[IdleGroup]:
    """A group for each of `labels`, which tell of each source what it belongs to; the group with
    the most idle pages first."""
    share, groups = sampled.share, []
    for label in dict.fromkeys(labels):
        mine = [i for i, each in enumerate(labels) if each == label]
        tracked, idle, pages = (
            sum(column[i] for i in mine) for column in (share.tracked, share.idle, share.pages)
        )
        groups.append(
            IdleGroup(
                label,
                tracked,
                idle,
                idle / tracked if tracked else 0.0,
                share_error(idle, tracked, max(pages, tracked)),
                _mean_bytes(sampled.idle, mine),
                _mean_bytes(sampled.touched, mine),
            )
        )
    return sorted(groups, key=lambda group: -group.idle_pages)


def _mean_bytes(census: Census, sources: list[int]) -> float | None:
    """What data pages of some sources compress to, by the first algorithm."""
    rows = [census.sources[i] for i in sources]
    hashes = [census.hash[each.first : each.first + each.pages] for each in rows]
    readable = [census.readable[each.first : each.first + each.pages] for each in rows]
    numbers = contents_numbers(census.contents, np.concatenate(hashes)[np.concatenate(readable)])
    numbers = numbers[census.contents.data[numbers]]
    sizes = census.measured[0].sizes[numbers].astype(np.int64)
    sizes = np.minimum(sizes[sizes > 0], census.page_size)
    return float(sizes.mean()) if len(sizes) else None
