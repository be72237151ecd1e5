"""Fleets of hosts whose pages are known, saved as censuses."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.columns import Origin, Reduction
from ghostswap.census.distinct import distinct_contents
from ghostswap.census.parquet import write
from ghostswap.census.salt import Salt
from ghostswap.census.table import Census, Cost, Measured, SourceRows
from ghostswap.pages.source import Facts, SourceKind

PAGE = 4096
SALT = Salt(b"a key that all hosts of a test share")
TAKEN = datetime(2026, 11, 21, 12, tzinfo=UTC)
_ZERO, _SAME = 1, 64  # contents below are zero, and same-filled


def size_of(hashes: NDArray[np.uint64], algorithm: int = 0) -> NDArray[np.uint16]:
    """The compressed size of each content: the same on every host, some larger than a page."""
    mixed: NDArray[np.uint64] = hashes * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40 + algorithm)
    sizes: NDArray[np.uint64] = np.minimum(mixed % np.uint64(4500) + np.uint64(20), PAGE + 1)
    return sizes.astype(np.uint16)


def census_of(
    sources: Sequence[NDArray[np.uint64]], algorithms: Sequence[str] = ("lz4",)
) -> Census:
    """A census of sources whose pages have these contents, by unsalted hash; 0 is a zero page, and
    other small numbers are same-filled ones."""
    hashes = np.concatenate([np.asarray(each, dtype=np.uint64) for each in sources])
    same = [hashes[(hashes >= _ZERO) & (hashes < _SAME)]]
    contents = distinct_contents(hashes, np.ones(len(hashes), np.bool_), 0, 0, same)
    first = np.cumsum([0, *map(len, sources)])
    return Census(
        PAGE,
        0,
        tuple(
            SourceRows(Facts(f"process[{i}]", SourceKind.RAW), int(first[i]), len(each), ())
            for i, each in enumerate(sources)
        ),
        hashes,
        np.ones(len(hashes), np.bool_),
        contents,
        tuple(
            Measured(name, np.where(contents.zero, 0, size_of(contents.hash, i)), Cost(1, 1), 0.0)
            for i, name in enumerate(algorithms)
        ),
        False,
    )


def save_host(
    path: Path,
    census: Census,
    host: str,
    *,
    taken: datetime = TAKEN,
    salt: Salt = SALT,
    ram_bytes: int = 0,
    private: bool = False,
    one_in: int = 1,
) -> Path:
    """Save the census of one host, whose RAM is by default what was counted."""
    origin = Origin(host, taken, "6.12.1-test", ram_bytes or census.total * PAGE)
    write(census, path, salt, origin, Reduction(private, one_in))
    return path
