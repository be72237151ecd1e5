"""The census: what every page is, by content. Every answer is a pure function of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ghostswap.kernel.algorithm import Variant
from ghostswap.pages.source import Facts, Segment, Segments

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
Sizes = NDArray[np.unsignedinteger[Any]]  # size_type() of the page size


@dataclass(frozen=True, slots=True)
class Cost:
    """What one algorithm cost on these pages: means, in ns a page."""

    compress_ns: float
    decompress_ns: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What one algorithm made of the contents.

    `sizes` has an entry a content: compressed bytes, page size + 1 for anything larger than a page;
    0 where the content was not compressed (zero pages never are, nor what a sample leaves out).
    `cost` is None where only lengths were worked out, by other means than the algorithm itself.
    """

    algorithm: str
    sizes: Sizes
    cost: Cost | None
    relative_error: float  # of the codec against the kernel's own compressor
    variant: Variant = Variant.ZRAM

    @property
    def name(self) -> str:
        """What files and reports call it: the algorithm, and which variant of it."""
        return self.algorithm + self.variant


@dataclass(frozen=True, slots=True)
class SourceRows:
    """Which rows of the census came from one source: `first` … `first + pages - 1`."""

    facts: Facts
    first: int
    pages: int
    segments: tuple[Segment, ...] | Segments


@dataclass(frozen=True, slots=True)
class Contents:
    """The distinct contents, in the order of their hash: columns of equal length.

    `pages` counts how often each was seen; `zero` and `same_filled` are exclusive (a zero page is
    not also counted as same-filled).
    """

    hash: U64
    pages: I64
    zero: Bools
    same_filled: Bools

    @property
    def data(self) -> Bools:
        """Contents that are neither zero nor same-filled."""
        return ~(self.zero | self.same_filled)

    def pages_of(self, kind: Bools) -> int:
        """How many pages hold one of the contents marked in `kind`; no column is copied for it."""
        return int(np.sum(self.pages, where=kind))


@dataclass(frozen=True, slots=True)
class Sample:
    """Which data contents were compressed: those there `heavy_from` times or more, and those whose
    hash is `cutoff` at most. `error` is what was asked for, 0 where a full run was interrupted.

    `stratum` has an entry a content: its part of the sources, -1 where it was not looked up.
    """

    error: float
    heavy_from: int
    cutoff: int
    stratum: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Census:
    """One row a page that was read, in the order of sources; holes are counted, not listed.

    `hash` is XXH3-64 of the page, seeded; two unlike pages among 2^28 (1 TiB) share one with a
    probability of 0.2 %. `readable` is False for a row whose page could not be read, and so
    is outside all counts.
    """

    page_size: int
    seed: int  # of the hashes
    sources: tuple[SourceRows, ...]
    hash: U64
    readable: Bools
    contents: Contents
    measured: tuple[Measured, ...]
    partial: bool  # interrupted: what was learnt until then
    sample: Sample | None = None  # None where all contents were compressed
    salt: str = ""  # fingerprint of the salt of the hashes; empty where they have none

    @property
    def total(self) -> int:
        """Pages counted, holes included."""
        return int(self.contents.pages.sum())


def size_type(page_size: int) -> type[np.uint16] | type[np.uint32]:
    """The type of a column of compressed sizes, up to page size + 1."""
    return np.uint16 if page_size < 1 << 16 else np.uint32
