"""From a hash a row to the distinct contents, and from contents back to rows that hold them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ghostswap.arrays import begins_of_runs, first_of_each
from ghostswap.census.table import I64, U64, Bools, Contents, Sizes, size_type

# Rows looked up at once, about, which bounds the memory that it takes.
_ROWS_AT_ONCE = 1 << 21
_LOOKED_UP_AT_ONCE = 1 << 17
# The filter before the look-up has a flag for each value of the leading bits of a hash: so many
# bits that few of the other hashes pass, and no more, for the cache's sake.
_FILTER_BITS = (16, 22)
_FLAGS_FOR_EACH = 64


def distinct_contents(
    hashes: U64, readable: Bools, holes: int, zero: int, same_filled: Sequence[U64]
) -> Contents:
    """The distinct contents of the rows that were had, and of `holes` zero pages more.

    `zero` is the hash of a zero page; `same_filled` holds the hashes of same-filled pages.
    """
    ordered = np.sort(hashes if readable.all() else hashes[readable])
    begins = begins_of_runs(ordered)
    distinct = ordered[begins]
    length = len(ordered)
    del ordered
    pages = np.flatnonzero(begins)  # where each begins, until they are made lengths
    del begins
    for at in range(0, len(pages), _ROWS_AT_ONCE):
        part = pages[at : at + _ROWS_AT_ONCE + 1]
        part[:_ROWS_AT_ONCE] = np.diff(part, append=length)[:_ROWS_AT_ONCE]
    if holes:
        at = int(np.searchsorted(distinct, np.uint64(zero)))
        if at == len(distinct) or distinct[at] != zero:
            distinct, pages = np.insert(distinct, at, zero), np.insert(pages, at, 0)
        pages[at] += holes
    is_same = np.zeros(len(distinct), dtype=np.bool_)
    is_same[np.searchsorted(distinct, first_of_each(concatenated(same_filled))[0])] = True
    return Contents(distinct, pages, distinct == zero, is_same)


def copies_of(pages: I64) -> tuple[I64, I64]:
    """How often contents are there, ascending, and how many are that often; `pages` tells of each.

    As np.unique() does, which sorts all: nearly all are there once.
    """
    repeated, number = np.unique(pages[pages > 1], return_counts=True)
    once = np.count_nonzero(pages == 1)
    if not once:
        return repeated, number
    return np.concatenate([[1], repeated]), np.concatenate([[once], number])


def rows_holding(looked_for: U64, hashes: U64, readable: Bools) -> I64:
    """A row that holds each of `looked_for`, ascending hashes; -1 where none does."""
    row_of = np.full(len(looked_for), -1, dtype=np.int64)
    looked_up = hashes <= looked_for.max(initial=0)
    looked_up &= readable
    if np.count_nonzero(looked_up) > 2 * len(looked_for):
        shift = np.uint64(64 - _filter_bits(len(looked_for)))
        worth_a_look = np.zeros(1 << (64 - int(shift)), dtype=np.bool_)
        worth_a_look[looked_for >> shift] = True
        looked_up &= worth_a_look[hashes >> shift]
    # A part at a time, by leading bits of the hash: sorting all at once takes more memory.
    bits = max(int(np.count_nonzero(looked_up)) // _ROWS_AT_ONCE, 1).bit_length() - 1
    for part in range(1 << bits):
        rows = np.flatnonzero(looked_up & (_leading(hashes, bits) == part) if bits else looked_up)
        here = (
            np.flatnonzero(_leading(looked_for, bits) == part)
            if bits
            else np.arange(len(looked_for))
        )
        if not len(rows) or not len(here):
            continue
        rows = rows[np.argsort(hashes[rows])]
        ordered = hashes[rows]
        at = np.minimum(np.searchsorted(ordered, looked_for[here]), len(rows) - 1)
        hit = ordered[at] == looked_for[here]
        row_of[here[hit]] = rows[at[hit]]
    return row_of


def _filter_bits(number: int) -> int:
    fewest, most = _FILTER_BITS
    return min(max((number * _FLAGS_FOR_EACH).bit_length(), fewest), most)


def _leading(hashes: U64, bits: int) -> U64:
    return hashes >> np.uint64(64 - bits)


def contents_numbers(contents: Contents, hashes: U64) -> I64:
    """Which content each of `hashes` is, all of which must be among them."""
    numbers = np.empty(len(hashes), dtype=np.int64)
    for first in range(0, len(hashes), _LOOKED_UP_AT_ONCE):
        part = hashes[first : first + _LOOKED_UP_AT_ONCE]
        # In order, since neighbours lie near each other: five times faster than as they come.
        order = np.argsort(part)
        numbers[first : first + _LOOKED_UP_AT_ONCE][order] = np.searchsorted(
            contents.hash, part[order]
        )
    return numbers


def sizes_of(
    contents: Contents,
    known: Sequence[tuple[U64, NDArray[np.uint32]]],
    algorithms: int,
    page_size: int,
) -> Sizes:
    """A row an algorithm, a column a content: the sizes in `known`, found by hash, and else 0."""
    sizes = np.zeros((algorithms, len(contents.hash)), dtype=size_type(page_size))
    together: list[tuple[U64, NDArray[np.uint32]]] = []
    pending = 0
    for number, part in enumerate(known, start=1):
        together.append(part)
        pending += len(part[0])
        # Many small parts, as thousands of processes bring, are looked up at once.
        if number == len(known) or pending >= _LOOKED_UP_AT_ONCE:
            numbers = contents_numbers(contents, np.concatenate([each for each, _ in together]))
            sizes[:, numbers] = np.concatenate([each for _, each in together], axis=1)
            together, pending = [], 0
    return sizes


def concatenated(parts: Sequence[U64]) -> U64:
    """One array of all, also where there is none."""
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])
