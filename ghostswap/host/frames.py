"""Which mapped pages are one and the same page of memory: shared after fork(2), by shmem or by KSM.

Source: Documentation/admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c, pagemap_pte() (Linux 6.18).
Frame numbers are zero for readers without CAP_SYS_ADMIN; the mark of a page that is mapped once
only is there for all.
"""

import fcntl
import mmap
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from ghostswap.arrays import first_of_each
from ghostswap.host.pagemap import FRAME, PRESENT, entries_of

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_MAPPED_ONCE = np.uint64(1 << 56)
_BATCH_PAGES = 1 << 16  # entries read at once
_ZONE = re.compile(rb"^ +(?:spanned +(?P<spanned>\d+)|start_pfn: +(?P<start>\d+))$", re.MULTILINE)


def frames_of_machine(zoneinfo: bytes) -> int:
    """One more than the largest frame number of this machine, out of /proc/zoneinfo.

    Each zone names first how many pages it spans, then its first frame
    (mm/vmstat.c, zoneinfo_show_print(), Linux 6.18).
    """
    spanned, frames = 0, 0
    for match in _ZONE.finditer(zoneinfo):
        if match["spanned"] is not None:
            spanned = int(match["spanned"])
        else:
            frames = max(frames, int(match["start"]) + spanned)
    return frames


class SeenFrames:
    """Pages of memory met so far: a bit for each of `frames` pages, 32 MiB for a TiB, in memory
    that processes forked from this one share, and that is taken as it is written."""

    def __init__(self, frames: int) -> None:
        self._bits = np.frombuffer(mmap.mmap(-1, frames // 8 + 1), dtype=np.uint8)
        # A lock that the kernel takes from a process that is killed (fcntl(2), F_SETLKW).
        self._lock = os.memfd_create("ghostswap-seen")
        finalize(self, os.close, self._lock)

    def first_seen(self, frames: U64) -> Bools:
        """Which of `frames` are met for the first time, of equal ones one; all are remembered. Of
        several processes that ask at once, one is told of each frame.

        Frames beyond the number given (memory that was added since) are new each time.
        """
        fcntl.lockf(self._lock, fcntl.LOCK_EX)
        try:
            return self._first_seen(frames)
        finally:
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def _first_seen(self, frames: U64) -> Bools:
        new = np.zeros(len(frames), dtype=np.bool_)
        distinct, first = first_of_each(frames)
        octet = (distinct >> np.uint64(3)).astype(np.int64)
        beyond = int(np.searchsorted(octet, len(self._bits)))
        new[first[beyond:]] = True
        octet, distinct = octet[:beyond], distinct[:beyond]
        bit = np.left_shift(1, distinct & np.uint64(7), dtype=np.uint8, casting="unsafe")
        new[first[:beyond]] = (self._bits[octet] & bit) == 0
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


def distinct_pages(
    fd: int, start: I64, length: I64, page_size: int, seen: SeenFrames
) -> Iterator[Distinct]:
    """The pages of these runs (bytes, ascending) without those that `seen` has met, in batches.

    `fd` is an open pagemap; OSError passes through.
    """
    for run, first, pages in _batches(start // page_size, length // page_size):
        number = _expanded(first, pages)
        owner = np.repeat(run, pages)
        entries = entries_of(fd, number)
        several = (entries & _MAPPED_ONCE == 0) & (entries & PRESENT != 0)
        frames = entries[several] & FRAME
        shared = 0
        if frames.any():
            keep = np.ones(len(number), dtype=np.bool_)
            keep[several] = seen.first_seen(frames)
            number, owner = number[keep], owner[keep]
        else:
            shared = len(frames)
        begin = np.ones(len(number), dtype=np.bool_)
        begin[1:] = (number[1:] - number[:-1] != 1) | (owner[1:] != owner[:-1])
        (begins,) = begin.nonzero()
        length = np.empty_like(begins)
        length[:-1] = begins[1:] - begins[:-1]
        length[-1:] = len(number) - begins[-1:]
        yield Distinct(number[begins] * page_size, length * page_size, owner[begins], shared)


def _batches(first: I64, pages: I64) -> Iterator[tuple[I64, I64, I64]]:
    """Runs of pages in batches of at most _BATCH_PAGES: number of the run, first page, pages."""
    if len(first) and int(pages.sum()) <= _BATCH_PAGES:
        yield np.arange(len(first)), first, pages
        return
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
    before = pages.cumsum() - pages
    return np.repeat(first - before, pages) + np.arange(int(pages.sum()))
