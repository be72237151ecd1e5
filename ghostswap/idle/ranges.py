"""What a tracker says of ranges of memory, asked page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]

_MOST_AGE = np.uint64(2**62)


@dataclass(frozen=True, slots=True)
class IdleRegions:
    """Columns: ranges of physical addresses, `start` up to `end`, that DAMON has not seen accessed
    for `age` intervals."""

    start: U64
    end: U64
    age: U64


def parse_column(texts: Sequence[bytes]) -> U64:
    """The numbers in a file of each region, such as schemes/N/tried_regions/M/start; ValueError
    where one holds none that the kernel writes (mm/damon/sysfs-schemes.c, Linux 6.12)."""
    numbers = [int(text) for text in texts]
    if min(numbers, default=0) < 0 or max(numbers, default=0) >= 1 << 64:
        raise ValueError("no region of DAMON: a number out of range")
    return np.array(numbers, dtype=np.uint64)


def intervals_untouched(regions: IdleRegions, addresses: U64) -> I64:
    """For how many whole intervals each of `addresses` has not been accessed; 0 where it lies in no
    region. Neighbouring pages may have become one region."""
    if not len(regions.start):
        return np.zeros(len(addresses), dtype=np.int64)
    order = np.argsort(regions.start, kind="stable")
    start, end, age = (each[order] for each in (regions.start, regions.end, regions.age))
    at = np.searchsorted(start, addresses, side="right").astype(np.int64) - 1
    inside = (at >= 0) & (addresses < end[np.maximum(at, 0)])
    return np.where(inside, np.minimum(age, _MOST_AGE)[np.maximum(at, 0)].astype(np.int64), 0)
