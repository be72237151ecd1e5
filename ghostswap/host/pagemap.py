"""Which pages of a process are in memory and which are swapped out: /proc/PID/pagemap.

Source: Documentation/admin-guide/mm/pagemap.rst; fs/proc/task_mmu.c, pagemap_read() and
do_pagemap_scan() (Linux 6.7 to 6.18; PAGEMAP_SCAN since 6.7).
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.kernel.ioctls import PAGEMAP_SCAN, PM_SCAN_ARG

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_FILE_OR_SHARED = np.uint64(1 << 61)
_SWAPPED = np.uint64(1 << 62)
PRESENT = np.uint64(1 << 63)
FRAME = np.uint64((1 << 55) - 1)  # the number of the frame that holds the page, for root

# include/uapi/linux/fs.h: struct page_region, and the categories
REGION = np.dtype([("start", np.uint64), ("end", np.uint64), ("categories", np.uint64)])
_CATEGORY_FILE, _CATEGORY_PRESENT, _CATEGORY_SWAPPED, _CATEGORY_PFNZERO = 4, 8, 16, 32
_CATEGORY_HUGE = 64
_CATEGORY_OF_BIT = (
    (_FILE_OR_SHARED, _CATEGORY_FILE),
    (PRESENT, _CATEGORY_PRESENT),
    (_SWAPPED, _CATEGORY_SWAPPED),
)
# What one call covers, so that neither its answer nor its time depends on the process: regions
# that it may return, bytes of address space, and mapped ranges (a region may cover many of them).
_REGIONS_AT_ONCE = 1 << 15
_SPAN_BYTES = 1 << 34
_PARTS_AT_ONCE = 1 << 15
_READ_BYTES = 1 << 20  # pagemap entries read at once, without PAGEMAP_SCAN
# How far apart pages may lie whose entries one call reads: one more entry of a pagemap takes 8 ns,
# one more call a microsecond.
GAP_PAGES = 128
# Most processes have a few regions in each of some far corners of the address space: so many such
# answers are looked at together, and so many regions.
_ANSWERS_TOGETHER, _REGIONS_TOGETHER = 16, 1 << 12

# Asked for the regions between two addresses, answers with them and with walk_end.
Ask = Callable[[int, int], tuple[NDArray[np.void], int]]


@dataclass(frozen=True, slots=True)
class MappedRanges:
    """Parts of an address space, ascending, as columns of addresses; of those marked
    `anonymous_only`, pages of files (and of shmem) are not meant."""

    start: I64
    end: I64
    anonymous_only: Bools


@dataclass(frozen=True, slots=True)
class Ranges:
    """Runs of pages: columns of addresses and lengths (bytes), which mapped range each is in, and
    which are mapped as huge pages (none, where has_pagemap_scan() says no); and the number of
    swapped-out pages seen."""

    start: I64
    length: I64
    part: I64
    huge: Bools
    swapped: int


def swappable(fd: int, mapped: MappedRanges, page_size: int) -> Iterator[Ranges]:
    """The mapped pages in memory that compressed swap could take, in batches of bounded size.

    `fd` is an open pagemap. The shared zero page, which untouched memory is read from, is left out
    where the kernel tells (since 6.7): it costs nothing. Raises OSError, and ValueError where the
    kernel's answers make no sense.
    """
    if has_pagemap_scan(fd):
        batches = _together(regions_by_scan(_asking(fd), mapped))
    else:
        batches = regions_by_entry(fd, mapped, page_size)
    for regions in batches:
        start, end, part, category = _overlaps(regions, mapped)
        swapped = (category & _CATEGORY_SWAPPED) != 0
        present = (category & _CATEGORY_PRESENT) != 0
        present &= ((category & _CATEGORY_FILE) == 0) | ~mapped.anonymous_only[part]
        length = end - start
        swapped_pages = int(length[swapped].sum()) // page_size
        huge = (category[present] & _CATEGORY_HUGE) != 0
        yield Ranges(start[present], length[present], part[present], huge, swapped_pages)


def _together(answers: Iterator[NDArray[np.void]]) -> Iterator[NDArray[np.void]]:
    """The same regions in fewer arrays; as each answer is good until the next, small ones are
    copied."""
    kept: list[NDArray[np.void]] = []
    for regions in answers:
        large = len(regions) >= _REGIONS_TOGETHER
        kept.append(regions if large else regions.copy())
        if large or len(kept) == _ANSWERS_TOGETHER or sum(map(len, kept)) >= _REGIONS_TOGETHER:
            yield _joined(kept)
            kept = []
    if kept:
        yield _joined(kept)


def _joined(answers: list[NDArray[np.void]]) -> NDArray[np.void]:
    """One array of all: as plain words, which NumPy puts together in a third of the time."""
    if len(answers) == 1:
        return answers[0]
    return np.concatenate([each.view(np.uint64) for each in answers]).view(REGION)


def has_pagemap_scan(fd: int) -> bool:
    """Whether this kernel has PAGEMAP_SCAN: asked about no address at all, it has nothing to say.

    ENOTTY alone means that it has not; any other error is one, and passes through.
    """
    try:
        _ask(fd, 0, 0, np.empty(1, dtype=REGION))
    except OSError as error:
        if error.errno == errno.ENOTTY:
            return False
        raise
    return True


def regions_by_scan(ask: Ask, mapped: MappedRanges) -> Iterator[NDArray[np.void]]:
    """The regions in and between the mapped ranges that are in memory or swapped out, ascending.

    PAGEMAP_SCAN collects at most 512 regions (of pages of 4 KiB: PAGEMAP_WALK_SIZE) in a buffer of
    the kernel's own, and walks on from where that was full. walk_end is set only there: where the
    last walk reaches the end, it still names the place at which the one before stopped, below
    regions that were delivered since. So the next call begins behind the last region delivered, or
    at walk_end where that is larger. (Beginning at walk_end counted pages twice, and entries of
    pages that go backwards were asked for with a negative length: "Invalid argument".)

    Raises ValueError where an answer is not ascending, not within what was asked for, or gets
    nowhere.
    """
    at = 0
    while (part := int(np.searchsorted(mapped.end, at, side="right"))) < len(mapped.end):
        at = max(at, int(mapped.start[part]))
        last = int(mapped.end[min(part + _PARTS_AT_ONCE, len(mapped.end)) - 1])
        end = min(at + _SPAN_BYTES, last)
        regions, walk_end = ask(at, end)
        if len(regions):
            starts, ends = regions["start"], regions["end"]
            inside = at <= int(starts[0]) and int(ends[-1]) <= end
            if not inside or (starts >= ends).any() or (starts[1:] < ends[:-1]).any():
                raise ValueError(f"PAGEMAP_SCAN: regions out of order from {at:#x} on")
            walk_end = max(walk_end, int(ends[-1]))
            yield regions
        if not at < walk_end <= end:
            raise ValueError(f"PAGEMAP_SCAN: walked from {at:#x} to {walk_end:#x}")
        at = walk_end


def _asking(fd: int) -> Ask:
    """PAGEMAP_SCAN of an open pagemap; an answer is good until the next."""
    room = np.empty(_REGIONS_AT_ONCE, dtype=REGION)
    return lambda start, end: _ask(fd, start, end, room)


def _ask(fd: int, start: int, end: int, room: NDArray[np.void]) -> tuple[NDArray[np.void], int]:
    """One call of PAGEMAP_SCAN: the regions that it put into `room`, and walk_end."""
    argument = bytearray(
        PM_SCAN_ARG.pack(
            PM_SCAN_ARG.size,
            0,  # flags: change nothing
            start,
            end,
            0,  # walk_end, filled in
            room.ctypes.data,
            len(room),
            0,  # max_pages: no limit
            _CATEGORY_PFNZERO,  # inverted
            _CATEGORY_PFNZERO,  # required, so after inversion: not the zero page
            _CATEGORY_PRESENT | _CATEGORY_SWAPPED,  # any of
            _CATEGORY_FILE | _CATEGORY_PRESENT | _CATEGORY_SWAPPED | _CATEGORY_HUGE,  # to return
        )
    )
    filled = fcntl.ioctl(fd, PAGEMAP_SCAN, argument)
    return room[:filled], PM_SCAN_ARG.unpack(argument)[4]


def regions_by_entry(fd: int, mapped: MappedRanges, page_size: int) -> Iterator[NDArray[np.void]]:
    """The same regions, of the mapped ranges only, by reading an entry per page: before 6.7.

    Many small parts are read at once where they lie near each other.
    """
    most = _READ_BYTES // 8
    starts, ends = mapped.start // page_size, mapped.end // page_size
    part, number = 0, 0
    while part < len(starts):
        number = max(number, int(starts[part]))
        # As many whole parts behind each other as one read covers, else a piece of this one.
        last = int(np.searchsorted(ends, number + most, side="right")) - 1
        stop = int(ends[last]) if last >= part else number + most
        raw = os.pread(fd, (stop - number) * 8, number * 8)
        entries = np.frombuffer(raw[: len(raw) // 8 * 8], dtype=np.uint64)
        category = np.zeros(len(entries) + 1, dtype=np.uint64)  # ends with a page not there
        for bit, meaning in _CATEGORY_OF_BIT:
            category[:-1] |= np.where((entries & bit) != 0, np.uint64(meaning), np.uint64(0))
        category[(category & (_CATEGORY_PRESENT | _CATEGORY_SWAPPED)) == 0] = 0
        cuts = np.flatnonzero(np.diff(category, prepend=np.uint64(0)))
        regions = np.zeros(max(len(cuts) - 1, 0), dtype=REGION)
        regions["start"] = (number + cuts[:-1]) * page_size
        regions["end"] = (number + cuts[1:]) * page_size
        regions["categories"] = category[cuts[:-1]]
        yield regions[regions["categories"] != 0]
        if len(entries) < stop - number:
            return  # the end of the address space, or of the process
        number = stop
        part = int(np.searchsorted(ends, number, side="right"))


def entries_of(fd: int, numbers: I64, gap: int = GAP_PAGES) -> U64:
    """The 8-byte entries `numbers` (ascending) of an open file of /proc such as a pagemap; zero
    where there is none any more: beyond its end, or of a process that has ended.

    Entries up to `gap` apart are read by one call, with what lies between them.
    """
    if not len(numbers):
        return np.zeros(0, dtype=np.uint64)
    far_apart = numbers[1:] - numbers[:-1] > gap
    if not far_apart.any():  # nearly always, where few are asked for
        begin, end = int(numbers[0]), int(numbers[-1]) + 1
        nearby: U64 = np.frombuffer(_entries(fd, begin, end - begin), dtype=np.uint64)
        return nearby[numbers - begin]
    begins = np.concatenate([[0], far_apart.nonzero()[0] + 1])
    ends = np.append(begins[1:], len(numbers))
    first, length = numbers[begins], numbers[ends - 1] - numbers[begins] + 1
    runs = zip(first.tolist(), length.tolist(), strict=True)
    read = np.frombuffer(b"".join(_entries(fd, *run) for run in runs), dtype=np.uint64)
    before = np.cumsum(length) - length  # entries read of the runs before each
    entries: U64 = read[numbers - np.repeat(first - before, ends - begins)]
    return entries


def _entries(fd: int, first: int, number: int) -> bytes:
    raw = os.pread(fd, number * 8, first * 8)
    return raw if len(raw) == number * 8 else raw[: len(raw) // 8 * 8].ljust(number * 8, b"\0")


def _overlaps(regions: NDArray[np.void], mapped: MappedRanges) -> tuple[I64, I64, I64, U64]:
    """What regions and mapped ranges, both ascending, share: start, end, part, category."""
    start = regions["start"].astype(np.int64)
    end = regions["end"].astype(np.int64)
    first = np.searchsorted(mapped.end, start, side="right")
    parts = np.maximum(np.searchsorted(mapped.start, end, side="left") - first, 0)
    region = np.repeat(np.arange(len(regions)), parts)
    nth = np.arange(len(region)) - np.repeat(np.cumsum(parts) - parts, parts)
    part = first[region] + nth
    return (
        np.maximum(start[region], mapped.start[part]),
        np.minimum(end[region], mapped.end[part]),
        part,
        regions["categories"][region],
    )
