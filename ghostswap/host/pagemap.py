"""Which pages of a process are in memory and which are swapped out: /proc/PID/pagemap.

Source: Documentation/admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c, pagemap_read() and
do_pagemap_scan() (Linux 6.18; PAGEMAP_SCAN since 6.7).
"""

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_FILE_OR_SHARED = np.uint64(1 << 61)
_SWAPPED = np.uint64(1 << 62)
_PRESENT = np.uint64(1 << 63)

# include/uapi/linux/fs.h: struct pm_scan_arg, struct page_region, and the categories
_ARGUMENT = struct.Struct("=12Q")
_REGION = np.dtype([("start", np.uint64), ("end", np.uint64), ("categories", np.uint64)])
_PAGEMAP_SCAN = 3 << 30 | _ARGUMENT.size << 16 | ord("f") << 8 | 16  # _IOWR('f', 16, …)
_CATEGORY_FILE, _CATEGORY_PRESENT, _CATEGORY_SWAPPED, _CATEGORY_PFNZERO = 4, 8, 16, 32
_CATEGORY_OF_BIT = (
    (_FILE_OR_SHARED, _CATEGORY_FILE),
    (_PRESENT, _CATEGORY_PRESENT),
    (_SWAPPED, _CATEGORY_SWAPPED),
)
_REGIONS_AT_ONCE = 4096
_READ_BYTES = 1 << 20  # pagemap entries read at once, without PAGEMAP_SCAN


@dataclass(frozen=True, slots=True)
class Wanted:
    """Parts of an address space, ascending, as columns of addresses; of those marked
    `anonymous_only`, pages of files (and of shmem) are not wanted."""

    start: I64
    end: I64
    anonymous_only: Bools


@dataclass(frozen=True, slots=True)
class Ranges:
    """Runs of pages: columns of addresses and lengths (bytes), and which wanted part each is in;
    and the number of swapped-out pages seen."""

    start: I64
    length: I64
    part: I64
    swapped: int


def swappable(fd: int, wanted: Wanted, page_size: int) -> Ranges:
    """The wanted pages in memory that compressed swap could take.

    `fd` is an open pagemap. The shared zero page, which untouched memory is read from, is left out
    where the kernel tells (since 6.7): it costs nothing. OSError passes through.
    """
    if len(wanted.start) == 0:
        return Ranges(wanted.start, wanted.start, wanted.start, 0)
    regions = _scanned(fd, int(wanted.start[0]), int(wanted.end[-1]))
    if regions is None:
        regions = np.concatenate(
            [np.empty(0, dtype=_REGION), *_read(fd, wanted.start, wanted.end, page_size)]
        )
    start, end, part, category = _overlaps(regions, wanted)
    swapped = (category & _CATEGORY_SWAPPED) != 0
    chosen = (category & _CATEGORY_PRESENT) != 0
    chosen &= ((category & _CATEGORY_FILE) == 0) | ~wanted.anonymous_only[part]
    length = end - start
    swapped_pages = int(length[swapped].sum()) // page_size
    return Ranges(start[chosen], length[chosen], part[chosen], swapped_pages)


def still_present(fd: int, address: int, pages: int, page_size: int) -> NDArray[np.bool_]:
    """Which of `pages` pages from `address` on are in memory at this moment."""
    raw = os.pread(fd, pages * 8, address // page_size * 8)
    present = np.zeros(pages, dtype=np.bool_)
    entries = np.frombuffer(raw[: len(raw) // 8 * 8], dtype=np.uint64)
    present[: len(entries)] = (entries & _PRESENT) != 0
    return present


def _scanned(fd: int, start: int, end: int) -> NDArray[np.void] | None:
    """By PAGEMAP_SCAN, which skips what is not there; None where the kernel has no such call."""
    found: list[NDArray[np.void]] = []
    at = start
    while at < end:
        regions = np.empty(_REGIONS_AT_ONCE, dtype=_REGION)
        argument = bytearray(
            _ARGUMENT.pack(
                _ARGUMENT.size,
                0,  # flags: change nothing
                at,
                end,
                0,  # walk_end, filled in
                regions.ctypes.data,
                len(regions),
                0,  # max_pages: no limit
                _CATEGORY_PFNZERO,  # inverted
                _CATEGORY_PFNZERO,  # required, so after inversion: not the zero page
                _CATEGORY_PRESENT | _CATEGORY_SWAPPED,  # any of
                _CATEGORY_FILE | _CATEGORY_PRESENT | _CATEGORY_SWAPPED,  # to return
            )
        )
        try:
            filled = fcntl.ioctl(fd, _PAGEMAP_SCAN, argument)
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.EINVAL):
                return None
            raise
        found.append(regions[:filled].copy())
        walked = _ARGUMENT.unpack(argument)[4]
        if walked <= at:
            break
        at = walked
    return np.concatenate(found) if found else np.empty(0, dtype=_REGION)


def _read(fd: int, starts: I64, ends: I64, page_size: int) -> Iterator[NDArray[np.void]]:
    """The same regions by reading an entry a page: before 6.7."""
    for start, end in zip(
        (starts // page_size).tolist(), (ends // page_size).tolist(), strict=True
    ):
        for number in range(start, end, _READ_BYTES // 8):
            count = min(_READ_BYTES // 8, end - number)
            raw = os.pread(fd, count * 8, number * 8)
            entries = np.frombuffer(raw[: len(raw) // 8 * 8], dtype=np.uint64)
            category = np.zeros(len(entries) + 1, dtype=np.uint64)  # ends with a page not there
            for bit, meaning in _CATEGORY_OF_BIT:
                category[:-1] |= np.where((entries & bit) != 0, np.uint64(meaning), np.uint64(0))
            category[(category & (_CATEGORY_PRESENT | _CATEGORY_SWAPPED)) == 0] = 0
            cuts = np.flatnonzero(np.diff(category, prepend=np.uint64(0)))
            regions = np.zeros(max(len(cuts) - 1, 0), dtype=_REGION)
            regions["start"] = (number + cuts[:-1]) * page_size
            regions["end"] = (number + cuts[1:]) * page_size
            regions["categories"] = category[cuts[:-1]]
            yield regions[regions["categories"] != 0]
            if len(entries) < count:
                break


def _overlaps(regions: NDArray[np.void], wanted: Wanted) -> tuple[I64, I64, I64, U64]:
    """What regions and wanted parts, both ascending, have in common: start, end, part, category."""
    start = regions["start"].astype(np.int64)
    end = regions["end"].astype(np.int64)
    first = np.searchsorted(wanted.end, start, side="right")
    parts = np.maximum(np.searchsorted(wanted.start, end, side="left") - first, 0)
    region = np.repeat(np.arange(len(regions)), parts)
    nth = np.arange(len(region)) - np.repeat(np.cumsum(parts) - parts, parts)
    part = first[region] + nth
    return (
        np.maximum(start[region], wanted.start[part]),
        np.minimum(end[region], wanted.end[part]),
        part,
        regions["categories"][region],
    )
