"""Frames of memory through /proc/kcore, for root: unlike reading a process, that marks no page as
accessed, and brings none back from swap.

Source: fs/proc/kcore.c, read_kcore_iter() and open_kcore() (Linux 6.1 to 6.18): an ELF core whose
segments of RAM say the physical address at which they begin. What cannot be read there is zeros:
frames that are offline or poisoned, or taken out of the kernel's own map (memfd_secret), none of
which is a page that swap could take.
"""

import mmap
import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.host.pagemap import FRAME, PRESENT, entries_of

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

KCORE = Path("/proc/kcore")
_LRU_GEN = Path("/sys/kernel/mm/lru_gen/enabled")
_MAIN_SWITCH = 1
_HEADER = struct.Struct("=16s16xQ14xHH")  # of an ELF file: e_ident, e_phoff, e_phentsize, e_phnum
_SEGMENT = struct.Struct("=I4xQ8xQQ16x")  # p_type, p_offset, p_paddr, p_filesz
_LOAD = 1
_NOWHERE = (1 << 64) - 1  # p_paddr of what is no RAM


@dataclass(frozen=True, slots=True)
class PhysicalMemory:
    """RAM as columns of ranges, ascending: physical addresses `start` … `end` (bytes), and where in
    /proc/kcore each begins."""

    start: U64
    end: U64
    offset: U64

    def offsets(self, frames: U64, page_size: int) -> I64:
        """Where in /proc/kcore each frame is; -1 where it is not RAM."""
        address = frames * np.uint64(page_size)
        at = np.maximum(self.start.searchsorted(address, side="right").astype(np.int64) - 1, 0)
        inside = (address >= self.start[at]) & (address < self.end[at])
        return np.where(inside, (self.offset[at] + address - self.start[at]).astype(np.int64), -1)


def parse_kcore(text: bytes) -> PhysicalMemory | None:
    """The RAM that the headers of /proc/kcore tell of; None where they are none or tell of none."""
    try:
        ident, table, size, number = _HEADER.unpack_from(text)
        segments = [_SEGMENT.unpack_from(text, table + size * each) for each in range(number)]
    except struct.error:
        return None
    if ident[:4] != b"\x7fELF":
        return None
    ram: list[tuple[int, int, int]] = []
    reached = 0
    for kind, offset, begin, length in sorted(segments, key=lambda each: (each[2], -each[3])):
        end = begin + length
        # The kernel's own text lies within RAM and has a segment of its own besides.
        if kind == _LOAD and end <= _NOWHERE and end > reached:
            ram.append((max(begin, reached), end, offset + max(begin, reached) - begin))
            reached = end
    if not ram:
        return None
    columns = (np.array(column, dtype=np.uint64) for column in zip(*ram, strict=True))
    return PhysicalMemory(*columns)


def open_kcore() -> int:
    """A descriptor of /proc/kcore; -1 where it is not to be had."""
    try:
        return os.open(KCORE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def physical_memory() -> PhysicalMemory | None:
    """This machine's, where it can be read and a page of our own proves it; None elsewhere: that
    takes root, CONFIG_PROC_KCORE and no lockdown."""
    if (fd := open_kcore()) < 0:
        return None
    try:
        header = os.pread(fd, _HEADER.size, 0)
        _, table, size, number = _HEADER.unpack(header)
        memory = parse_kcore(os.pread(fd, table + size * number, 0))
        return memory if memory is not None and _shows_our_own(fd, memory) else None
    except (OSError, struct.error):
        return None
    finally:
        os.close(fd)


def marks_spoil_reclaim() -> bool:
    """Whether pages that reading marks as accessed are swapped later than others: on the classic
    LRU, not on the multi-generational one (tests/vm/test_observer.py)."""
    try:
        return not int(_LRU_GEN.read_text(), 0) & _MAIN_SWITCH
    except (OSError, ValueError):
        return True


def _shows_our_own(fd: int, memory: PhysicalMemory) -> bool:
    """Whether a page of this process reads the same there as here."""
    with mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as page:
        page[:] = secrets.token_bytes(mmap.PAGESIZE)
        address = np.frombuffer(page, dtype=np.uint8).ctypes.data
        pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        try:
            entry = entries_of(pagemap, np.array([address // mmap.PAGESIZE]))
        finally:
            os.close(pagemap)
        (place,) = memory.offsets(entry & FRAME, mmap.PAGESIZE).tolist()
        return place >= 0 and os.pread(fd, mmap.PAGESIZE, place) == page[:]


def read_frames(
    kcore: int, memory: PhysicalMemory, pagemap: int, numbers: I64, page_size: int, into: memoryview
) -> Bools:
    """Copy the pages `numbers` (ascending) of a process out of the frames they are in; which were
    had. A page that is not in the same frame afterwards was not: who owns the frame is not known.
    """
    before = entries_of(pagemap, numbers)
    place = memory.offsets(before & FRAME, page_size)
    place[(before & PRESENT) == 0] = -1
    joined = (place[1:] >= 0) & (np.diff(place) == page_size)
    begins = np.flatnonzero((place >= 0) & ~np.append(False, joined)).tolist()
    ends = (np.flatnonzero((place >= 0) & ~np.append(joined, False)) + 1).tolist()
    copied = np.zeros(len(numbers), dtype=np.bool_)
    for begin, end in zip(begins, ends, strict=True):
        view = into[begin * page_size : end * page_size]
        got = os.preadv(kcore, [view], int(place[begin])) // page_size
        copied[begin : begin + got] = True
    after = entries_of(pagemap, numbers)
    same: Bools = ((before ^ after) & (FRAME | PRESENT)) == 0
    return copied & same
