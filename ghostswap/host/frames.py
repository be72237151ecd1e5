"""Which mapped pages are one and the same page of memory: shared after fork(2), by shmem or by KSM.

Source: Documentation/admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c, pagemap_pte() (Linux 6.18).
Frame numbers are zero for readers without CAP_SYS_ADMIN; the mark of a page that is mapped once
only is there for all.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_FRAME = np.uint64((1 << 55) - 1)
_MAPPED_ONCE = np.uint64(1 << 56)
_PRESENT = np.uint64(1 << 63)
# Entries read at once; and how far apart pages may lie to be read by one call: entries of 512 pages
# are a page of the pagemap.
_BATCH_PAGES = 1 << 18
_GAP_PAGES = 512


class SeenFrames:
    """Pages of memory met so far: a bit for each page of the machine, 32 MiB for a TiB."""

    def __init__(self) -> None:
        self._bits = np.zeros(1 << 16, dtype=np.uint8)

    def first_seen(self, frames: U64) -> Bools:
        """Which of `frames` are met for the first time, of equal ones one; all are remembered."""
        if len(frames) == 0:
            return np.zeros(0, dtype=np.bool_)
        distinct, first = np.unique(frames, return_index=True)
        octet = (distinct >> np.uint64(3)).astype(np.int64)
        bit = np.left_shift(1, distinct & np.uint64(7), dtype=np.uint8, casting="unsafe")
        if octet[-1] >= len(self._bits):
            room = max(2 * len(self._bits), int(octet[-1]) + 1) - len(self._bits)
            self._bits = np.concatenate([self._bits, np.zeros(room, dtype=np.uint8)])
        new = np.zeros(len(frames), dtype=np.bool_)
        new[first] = (self._bits[octet] & bit) == 0
        np.bitwise_or.at(self._bits, octet, bit)
        return new


@dataclass(frozen=True, slots=True)
class Distinct:
    """Pages less those met before: runs as columns (bytes), and which given run each is part of.

    `shared` counts pages that are mapped more than once where nothing tells which they are.
    """

    start: I64
    length: I64
    part_of: I64
    shared: int


def distinct_pages(fd: int, start: I64, length: I64, page_size: int, seen: SeenFrames) -> Distinct:
    """The pages of these runs (bytes, ascending) without those that `seen` has met.

    `fd` is an open pagemap; OSError passes through.
    """
    starts, lengths, parts = [start[:0]], [start[:0]], [start[:0]]
    shared = 0
    for run, first, pages in _batches(start // page_size, length // page_size):
        number = _expanded(first, pages)
        owner = np.repeat(run, pages)
        entries = _entries(fd, number)
        several = (entries & _MAPPED_ONCE == 0) & (entries & _PRESENT != 0)
        frames = entries[several] & _FRAME
        keep = np.ones(len(number), dtype=np.bool_)
        if frames.any():
            keep[several] = seen.first_seen(frames)
        else:
            shared += len(frames)
        number, owner = number[keep], owner[keep]
        begins = np.flatnonzero(
            (np.diff(number, prepend=-2) != 1) | (np.diff(owner, prepend=-1) != 0)
        )
        ends = np.append(begins[1:], len(number))[: len(begins)]
        starts.append(number[begins] * page_size)
        lengths.append((ends - begins) * page_size)
        parts.append(owner[begins])
    return Distinct(np.concatenate(starts), np.concatenate(lengths), np.concatenate(parts), shared)


def _batches(first: I64, pages: I64) -> Iterator[tuple[I64, I64, I64]]:
    """Runs of pages in batches of at most _BATCH_PAGES: number of the run, first page, pages."""
    cuts = -(-pages // _BATCH_PAGES)
    run = np.repeat(np.arange(len(first)), cuts)
    skipped = (np.arange(len(run)) - np.repeat(np.cumsum(cuts) - cuts, cuts)) * _BATCH_PAGES
    first, pages = first[run] + skipped, np.minimum(pages[run] - skipped, _BATCH_PAGES)
    before = np.cumsum(pages) - pages
    begin = 0
    while begin < len(run):
        end = int(np.searchsorted(before + pages, before[begin] + _BATCH_PAGES, side="right"))
        yield run[begin:end], first[begin:end], pages[begin:end]
        begin = end


def _expanded(first: I64, pages: I64) -> I64:
    """The number of every page of runs that begin at `first`."""
    before = np.cumsum(pages) - pages
    return np.repeat(first - before, pages) + np.arange(int(pages.sum()))


def _entries(fd: int, numbers: I64) -> U64:
    """The pagemap entries of these pages (ascending); zero where the process has none any more."""
    found = np.zeros(len(numbers), dtype=np.uint64)
    begins = np.flatnonzero(np.diff(numbers, prepend=-_GAP_PAGES - 1) > _GAP_PAGES)
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(numbers)], strict=True):
        wanted = numbers[begin:end] - numbers[begin]
        raw = os.pread(fd, (int(wanted[-1]) + 1) * 8, int(numbers[begin]) * 8)
        window = np.zeros(int(wanted[-1]) + 1, dtype=np.uint64)
        read = np.frombuffer(raw[: len(raw) // 8 * 8], dtype=np.uint64)
        window[: len(read)] = read
        found[begin:end] = window[wanted]
    return found
