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

_FILE_OR_SHARED = np.uint64(1 << 61)
_SWAPPED = np.uint64(1 << 62)
_PRESENT = np.uint64(1 << 63)

# include/uapi/linux/fs.h: struct pm_scan_arg, struct page_region, and the categories
_ARGUMENT = struct.Struct("=12Q")
_REGION = np.dtype([("start", np.uint64), ("end", np.uint64), ("categories", np.uint64)])
_PAGEMAP_SCAN = 3 << 30 | _ARGUMENT.size << 16 | ord("f") << 8 | 16  # _IOWR('f', 16, …)
_CATEGORY_FILE, _CATEGORY_PRESENT, _CATEGORY_SWAPPED, _CATEGORY_PFNZERO = 4, 8, 16, 32
_REGIONS_AT_ONCE = 4096
_READ_BYTES = 1 << 20  # pagemap entries read at once, without PAGEMAP_SCAN


@dataclass(frozen=True, slots=True)
class Ranges:
    """Runs of pages: columns of addresses and lengths (bytes); and swapped-out pages seen."""

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    swapped: int


NOTHING = Ranges(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), 0)


def swappable(fd: int, start: int, end: int, *, anonymous_only: bool, page_size: int) -> Ranges:
    """The pages in memory between two addresses that compressed swap could take.

    `fd` is an open pagemap. With `anonymous_only`, pages of files (and of shmem) are left out. The
    shared zero page, which untouched memory is read from, is left out where the kernel tells
    (since 6.7): it costs nothing. OSError passes through.
    """
    scan = _scan(fd, start, end, anonymous_only, page_size)
    parts = (
        list(scan) if scan is not None else list(_read(fd, start, end, anonymous_only, page_size))
    )
    empty = np.empty(0, dtype=np.int64)
    return Ranges(
        np.concatenate([empty, *(part.start for part in parts)]),
        np.concatenate([empty, *(part.length for part in parts)]),
        sum(part.swapped for part in parts),
    )


def still_present(fd: int, address: int, pages: int, page_size: int) -> NDArray[np.bool_]:
    """Which of `pages` pages from `address` on are in memory at this moment."""
    raw = os.pread(fd, pages * 8, address // page_size * 8)
    present = np.zeros(pages, dtype=np.bool_)
    entries = np.frombuffer(raw[: len(raw) // 8 * 8], dtype=np.uint64)
    present[: len(entries)] = (entries & _PRESENT) != 0
    return present


def _scan(
    fd: int, start: int, end: int, anonymous_only: bool, page_size: int
) -> list[Ranges] | None:
    """By PAGEMAP_SCAN, which skips what is not there; None where the kernel has no such call."""
    regions = np.zeros(_REGIONS_AT_ONCE, dtype=_REGION)
    found: list[Ranges] = []
    at = start
    while at < end:
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
        found.append(_chosen(regions[:filled], anonymous_only, page_size))
        walked = _ARGUMENT.unpack(argument)[4]
        if walked <= at:
            break
        at = walked
    return found


def _chosen(regions: NDArray[np.void], anonymous_only: bool, page_size: int) -> Ranges:
    category = regions["categories"]
    wanted = (category & _CATEGORY_PRESENT) != 0
    swapped = (category & _CATEGORY_SWAPPED) != 0
    if anonymous_only:
        wanted &= (category & _CATEGORY_FILE) == 0
    start = regions["start"].astype(np.int64)
    length = (regions["end"] - regions["start"]).astype(np.int64)
    return Ranges(start[wanted], length[wanted], int(length[swapped].sum()) // page_size)


def _read(fd: int, start: int, end: int, anonymous_only: bool, page_size: int) -> Iterator[Ranges]:
    """By reading an entry a page: before 6.7."""
    first, last = start // page_size, end // page_size
    for number in range(first, last, _READ_BYTES // 8):
        count = min(_READ_BYTES // 8, last - number)
        raw = os.pread(fd, count * 8, number * 8)
        entries = np.frombuffer(raw[: len(raw) // 8 * 8], dtype=np.uint64)
        wanted = (entries & _PRESENT) != 0
        if anonymous_only:
            wanted &= (entries & _FILE_OR_SHARED) == 0
        edges = np.flatnonzero(np.diff(np.concatenate([[False], wanted, [False]]).astype(np.int8)))
        starts, stops = edges[::2], edges[1::2]
        yield Ranges(
            ((number + starts) * page_size).astype(np.int64),
            ((stops - starts) * page_size).astype(np.int64),
            int(np.count_nonzero(entries & _SWAPPED)),
        )
        if len(entries) < count:
            return
