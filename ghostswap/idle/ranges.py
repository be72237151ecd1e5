"""What a tracker says of ranges of memory, asked page by page."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class TriedRegion:
    """A range of physical addresses, `start` up to `end`, that DAMON saw accessed `accesses` times
    in the last interval; it has been like that for `age` intervals."""

    start: int
    end: int
    accesses: int
    age: int


def parse_region(start: bytes, end: bytes, accesses: bytes, age: bytes) -> TriedRegion:
    """From the four files of schemes/N/tried_regions/M; ValueError where one holds no number that
    the kernel writes (mm/damon/sysfs-schemes.c, Linux 6.12)."""
    numbers = [int(text) for text in (start, end, accesses, age)]
    region = TriedRegion(*numbers)
    if min(numbers) < 0 or max(numbers) >= 1 << 64 or region.start >= region.end:
        raise ValueError(f"no region of DAMON: {region}")
    return region


def intervals_untouched(regions: list[TriedRegion], addresses: U64) -> I64:
    """For how many whole intervals each of `addresses` has not been accessed; 0 where it lies in no
    region or in one that was accessed. Neighbouring pages may have become one region."""
    idle = sorted((each for each in regions if not each.accesses), key=lambda each: each.start)
    if not idle:
        return np.zeros(len(addresses), dtype=np.int64)
    start = np.array([each.start for each in idle], dtype=np.uint64)
    end = np.array([each.end for each in idle], dtype=np.uint64)
    age = np.minimum(np.array([each.age for each in idle], dtype=np.uint64), 1 << 62)
    at = np.searchsorted(start, addresses, side="right").astype(np.int64) - 1
    inside = (at >= 0) & (addresses < end[np.maximum(at, 0)])
    return np.where(inside, age[np.maximum(at, 0)].astype(np.int64), 0)
