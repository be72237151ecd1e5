"""What the columns of a saved census hold (schema 2): from a census to rows that can travel.

docs/census.md describes each column for whoever reads the files by SQL.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.distinct import contents_numbers, copies_of
from ghostswap.census.salt import Salt
from ghostswap.census.table import I64, U64, Bools, Census, Contents, Measured, Sizes

I32 = NDArray[np.int32]
ZERO, SAME_FILLED, DATA = range(3)  # the column `kind`
# Of a sample, about so many contents are kept whole: those that most pages hold.
MOST_COPIED = 4096
CHECKSUM_PRIME = (1 << 32) - 5  # so that 2^31 of them add up within 64 bits
_ROWS_AT_ONCE = 1 << 16
_TOP_BIT = np.uint64(1 << 63)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when a census was taken: `kernel` as uname(2) says, RAM in bytes."""

    host: str
    taken: datetime  # UTC
    kernel: str
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a saved census leaves out.

    With `private` there is no order of pages, and sizes are those of zsmalloc's classes. Of
    contents, one in `one_in` is kept, by its salted hash, and the most copied ones.
    """

    private: bool = False
    one_in: int = 1

    @property
    def in_order(self) -> bool:
        """True where each page has a row of its own, in the order of the source."""
        return not self.private and self.one_in == 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows, by columns of equal length; `page` is -1 where the row stands for no single page.

    `sizes` has a row an algorithm, 0 where the size is not known.
    """

    source: I32
    page: I64
    pages: I64
    kind: NDArray[np.int8]
    hash: I64
    copies: I64
    weight: I32
    sizes: Sizes
    stratum: I32 | None


def signed(hashes: U64) -> I64:
    """Hashes as they are saved: in the same order, from -2^63 to 2^63 - 1."""
    return (hashes ^ _TOP_BIT).view(np.int64)


def unsigned(hashes: I64) -> U64:
    """Hashes as a census has them, from those saved."""
    return hashes.view(np.uint64) ^ _TOP_BIT


def sample_end(one_in: int) -> int:
    """The saved hash below which contents are in a sample of one in `one_in`, 2 or more."""
    return -(1 << 63) + (1 << 64) // one_in


def checksum(hashes: I64) -> int:
    """What tells whether hashes were read as they were saved: the sum of what each leaves when
    divided by CHECKSUM_PRIME, of its own sign. Engines check no page checksums; SQL can do this."""
    return int(np.fmod(hashes, CHECKSUM_PRIME).sum())


def saved_rows(census: Census, salt: Salt | None, reduction: Reduction) -> Iterator[Rows]:
    """All rows of the saved census, some 2^16 at a time; `salt` is None where hashes have one."""
    builder = _Builder(census, salt, reduction)
    return builder.in_order() if reduction.in_order else builder.by_content()


def class_sizes(page_size: int) -> NDArray[np.uint32]:
    """What each size, 0 … page size + 1, is rounded to where it is not to tell of its content.

    It is the largest payload in the same one of zsmalloc's ZS_SIZE_CLASSES (mm/zsmalloc.c, 6.18),
    of which each kernel merges some: so every kernel's pool comes out as with the exact sizes.
    """
    handle, least, step = 8, 32, page_size >> 8
    size = np.arange(page_size + 2)
    index = -(-np.maximum(size + handle - least, 0) // step)
    rounded = np.minimum(index * step + least - handle, page_size - 1)
    # The last class takes all up to a page.
    rounded[rounded + step > page_size - 1] = page_size - 1
    rounded[page_size:] = page_size, page_size + 1
    rounded[0] = 0
    sizes: NDArray[np.uint32] = rounded.astype(np.uint32)
    return sizes


class _Builder:
    """The columns that all rows of a census have in common."""

    def __init__(self, census: Census, salt: Salt | None, reduction: Reduction) -> None:
        self._census, self._salt, self._reduction = census, salt, reduction
        contents = census.contents
        self._kind = np.where(
            contents.zero, ZERO, np.where(contents.same_filled, SAME_FILLED, DATA)
        ).astype(np.int8)
        self._round = class_sizes(census.page_size) if reduction.private else None
        # The most copied contents and zero pages are all kept; any other stands for `one_in`.
        light = (contents.pages < most_copied_from(contents)) & ~contents.zero
        self._weight = np.where(light, reduction.one_in, 1).astype(np.int32)
        self._counted = np.zeros(len(contents.hash), dtype=np.bool_)

    def in_order(self) -> Iterator[Rows]:
        """A row a page; then one for the holes of each source that has some."""
        census = self._census
        first = np.zeros(len(census.contents.hash), dtype=np.int32)
        for source, begin, end in self._pieces():
            rows = np.flatnonzero(census.readable[begin:end])
            contents = contents_numbers(census.contents, census.hash[begin:end][rows])
            # Of equal indices the last assignment counts: here, that of the first row.
            first[contents[::-1]] = np.arange(len(rows), dtype=np.int32)[::-1]
            opens = first[contents] == np.arange(len(rows))
            page = rows + (begin - census.sources[source].first)
            yield self._rows(source, page, np.ones_like(rows), contents, opens)
        (zero,) = np.nonzero(census.contents.zero)
        for source, facts in enumerate(each.facts for each in census.sources):
            if facts.holes:
                one = np.ones(1, dtype=np.int64)
                yield self._rows(source, -one, one * facts.holes, zero, one > 0)

    def by_content(self) -> Iterator[Rows]:
        """A row a content of each source, by salted hash: the order tells nothing of the pages."""
        census = self._census
        sampled = self._sampled()
        for source in range(len(census.sources)):
            contents, pages = self._contents_of(source)
            kept = sampled[contents]
            contents, pages = contents[kept], pages[kept]
            order = np.argsort(self._salted(contents))
            contents, pages = contents[order], pages[order]
            nowhere = np.full(len(pages), -1, dtype=np.int64)
            for at in range(0, len(contents), _ROWS_AT_ONCE):
                part = slice(at, at + _ROWS_AT_ONCE)
                opens = np.ones(len(contents[part]), dtype=np.bool_)
                yield self._rows(source, nowhere[part], pages[part], contents[part], opens)

    def _pieces(self) -> Iterator[tuple[int, int, int]]:
        for number, source in enumerate(self._census.sources):
            end = source.first + source.pages
            for begin in range(source.first, end, _ROWS_AT_ONCE):
                yield number, begin, min(begin + _ROWS_AT_ONCE, end)

    def _contents_of(self, source: int) -> tuple[I64, I64]:
        """The numbers of the contents of a source, and how many of its pages hold each."""
        census, rows = self._census, self._census.sources[source]
        part = slice(rows.first, rows.first + rows.pages)
        hashes = census.hash[part][census.readable[part]]
        contents = np.sort(contents_numbers(census.contents, hashes))
        begins = np.flatnonzero(np.diff(contents, prepend=-1))
        contents, pages = contents[begins], np.diff(begins, append=len(contents))
        if rows.facts.holes:
            (zero,) = np.nonzero(census.contents.zero)
            at = int(np.searchsorted(contents, zero[0]))
            if at == len(contents) or contents[at] != zero[0]:
                contents, pages = np.insert(contents, at, zero[0]), np.insert(pages, at, 0)
            pages[at] += rows.facts.holes
        return contents, pages

    def _sampled(self) -> Bools:
        """Which contents are kept."""
        sampled: Bools = self._weight == 1
        one_in = self._reduction.one_in
        for at in range(0, len(sampled) if one_in > 1 else 0, _ROWS_AT_ONCE):
            numbers = np.arange(at, min(at + _ROWS_AT_ONCE, len(sampled)))
            sampled[numbers] |= self._salted(numbers) < sample_end(one_in)
        return sampled

    def _salted(self, contents: I64) -> I64:
        hashes = self._census.contents.hash[contents]
        return signed(hashes if self._salt is None else self._salt.hashes(hashes))

    def _rows(self, source: int, page: I64, pages: I64, contents: I64, opens: Bools) -> Rows:
        """Rows of the contents of these numbers; `opens` is True for the first of each here."""
        census = self._census
        opens = opens & ~self._counted[contents]
        self._counted[contents] = True
        copies = np.where(opens, census.contents.pages[contents], 0)
        return Rows(
            np.full(len(contents), source, dtype=np.int32),
            page,
            pages,
            self._kind[contents],
            self._salted(contents),
            copies,
            self._weight[contents],
            np.array([self._sizes(each, contents) for each in census.measured]),
            census.sample.stratum[contents] if census.sample is not None else None,
        )

    def _sizes(self, measured: Measured, contents: I64) -> NDArray[np.uint32]:
        sizes = measured.sizes[contents].astype(np.uint32)
        return sizes if self._round is None else self._round[sizes]


def most_copied_from(contents: Contents) -> int:
    """From how many copies on a content is kept whole in a sample: 2 at least, and so many that no
    more than MOST_COPIED contents are."""
    copies, number = copies_of(contents.pages[~contents.zero])
    beyond = np.cumsum(number[::-1])[::-1]
    few = (beyond <= MOST_COPIED) & (copies > 1)
    return int(copies[few][0]) if few.any() else 1 << 62
