"""Pages of a running process that compressed swap could take: anonymous and shmem pages in memory.

The process runs on. Only pages that pagemap shows present are read, from /proc/PID/mem, a few at a
time and right after a look at them. One that goes to swap in between is brought back by reading it,
as any access would: that cannot be forbidden, so it is counted. Reading also marks a page as
accessed (FOLL_TOUCH in mm/gup.c, get_user_pages_remote(), Linux 6.18). Where that changes what is
swapped next, on the classic LRU, root reads the frames themselves (ghostswap.pages.kcore).
"""

import os
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.host.frames import SeenFrames, distinct_pages, frames_of_machine
from ghostswap.host.maps import Area, Backing, Mounts, parse_maps, parse_mounts
from ghostswap.host.offered import none_is_offered, parse_offered
from ghostswap.host.pagemap import PRESENT, MappedRanges, entries_of, has_pagemap_scan, swappable
from ghostswap.host.processes import start_time
from ghostswap.pages.kcore import (
    PhysicalMemory,
    marks_spoil_reclaim,
    open_kcore,
    physical_memory,
    read_frames,
)
from ghostswap.pages.runs import Runs
from ghostswap.pages.source import Facts, Mapping, Segments, Source, SourceKind
from ghostswap.pulse import Pulse
from ghostswap.units import format_size

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PROC = Path("/proc")
_KSM = Path("/sys/kernel/mm/ksm")
_LARGE_LOCKED_BYTES = 1 << 20
_LINES_BYTES = 1 << 16  # of /proc/PID/maps, read at once
_HUGE_SIZES = ("AnonHugePages", "ShmemPmdMapped")
_STATUS_SIZES = ("RssAnon", "RssShmem", "VmSwap", "VmLck")
# Pages looked at and then read at once: some 10 µs, in which few can go to swap. With 512 ten times
# as many did (tests/kernel/test_pressure.py).
_LOOK_PAGES = 16
_FRAMES_AT_ONCE = 256  # looked up, read, and looked up again
_PLACES = {mapping: place for place, mapping in enumerate(Mapping)}
_SIZE = re.compile(rb"\s*(\d+) kB")


@dataclass(slots=True)
class ProcessReader:
    """An open process; its pages are addressed by the runs found when the scan began.

    Frames are read instead where `physical` says that `kcore` (an open file, or -1) shows them.
    `swapped_in` counts the major page faults of reading it, which the kernel counts as this
    process's own (mm/memory.c, mm_account_fault(), Linux 6.18).
    """

    memory: int
    pagemap: int
    runs: Runs
    physical: PhysicalMemory | None = None
    kcore: int = -1
    swapped_in: int = 0

    def read(self, first: int, pages: int, into: memoryview) -> NDArray[np.bool_]:
        readable = np.zeros(pages, dtype=np.bool_)
        numbers = self._page_numbers(first, pages)
        if self.physical is not None and self.kcore >= 0:
            return self._read_frames(self.physical, numbers, into, readable)
        for at in range(0, len(numbers), _LOOK_PAGES):
            few = numbers[at : at + _LOOK_PAGES]
            try:
                present = (entries_of(self.pagemap, few) & PRESENT) != 0
            except OSError:
                continue  # the process has ended: its pages are not had
            self._copy(few, present, into[at * self.runs.page_size :], readable[at:])
        return readable

    def _read_frames(
        self, physical: PhysicalMemory, numbers: I64, into: memoryview, readable: Bools
    ) -> Bools:
        size = self.runs.page_size
        for at in range(0, len(numbers), _FRAMES_AT_ONCE):
            few = numbers[at : at + _FRAMES_AT_ONCE]
            room = into[at * size : (at + len(few)) * size]
            try:
                readable[at : at + len(few)] = read_frames(
                    self.kcore, physical, self.pagemap, few, size, room
                )
            except OSError:
                continue  # the process has ended, or memory was taken away
        return readable

    def _page_numbers(self, first: int, pages: int) -> NDArray[np.int64]:
        """Where pages `first` … lie in the address space, in pages."""
        column = np.arange(first, min(first + pages, self.runs.pages))
        run = self.runs.first.searchsorted(column, side="right") - 1
        return self.runs.offset[run] // self.runs.page_size + column - self.runs.first[run]

    def _copy(
        self,
        numbers: NDArray[np.int64],
        present: NDArray[np.bool_],
        into: memoryview,
        readable: NDArray[np.bool_],
    ) -> None:
        """Copy the pages that are present; one that has gone since is skipped."""
        size = self.runs.page_size
        joined = present[1:] & present[:-1] & (np.diff(numbers) == 1)
        begins = np.flatnonzero(present & ~np.concatenate([[False], joined])).tolist()
        ends = (np.flatnonzero(present & ~np.concatenate([joined, [False]])) + 1).tolist()
        faults = getrusage(RUSAGE_SELF).ru_majflt
        for begin, end in zip(begins, ends, strict=True):
            base = (int(numbers[begin]) - begin) * size
            start = begin
            while start < end:
                view = into[start * size : end * size]
                try:
                    got = os.preadv(self.memory, [view], base + start * size) // size
                except OSError:
                    got = 0
                readable[start : start + got] = True
                start += got + 1
        self.swapped_in += getrusage(RUSAGE_SELF).ru_majflt - faults

    def close(self) -> None:
        for fd in (self.memory, self.pagemap, self.kcore):
            if fd >= 0:
                os.close(fd)


class Processes:
    """The processes of one census: what several of them share is counted once."""

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._seen = SeenFrames(frames_of_machine((_PROC / "zoneinfo").read_bytes()))
        self._mounts: dict[int, Mounts] = {}  # by mount namespace
        self._physical = physical_memory() if marks_spoil_reclaim() else None

    def open(self, pid: int, pulse: Pulse | None = None) -> Source:
        """The pages of process `pid`; GhostswapError where it is gone or may not be read.

        What may hang in the kernel, where the process holds its page tables, is done inside
        `pulse`.
        """
        folder, pulse = _PROC / str(pid), pulse or Pulse()
        try:
            with pulse:
                started, name = start_time(folder), _name(folder, pid)
                status = parse_status((folder / "status").read_bytes())
            mapped = self._mapped(folder, pulse)
            in_memory = _InMemory.nothing(self._page_size)
            if len(mapped.mapping):  # none: a thread of the kernel, or a process that has ended
                with pulse:
                    # Fails here, before a page is counted, when reading the memory is not allowed.
                    os.close(os.open(folder / "mem", os.O_RDONLY | os.O_CLOEXEC))
                    fd = os.open(folder / "pagemap", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    in_memory = self._find(fd, mapped, pulse)
                    if not has_pagemap_scan(fd):
                        with pulse:
                            rollup = (folder / "smaps_rollup").read_bytes()
                        in_memory = replace(
                            in_memory, thp=_huge_pages(rollup, in_memory, self._page_size)
                        )
                finally:
                    os.close(fd)
        except OSError as error:
            raise refused(pid, error) from None
        except ValueError as error:
            raise GhostswapError(f"process {pid}", str(error)) from None
        facts = Facts(
            name,
            SourceKind.PROCESS,
            swapped=in_memory.swapped,
            thp=in_memory.thp,
            warnings=tuple(_warnings(in_memory, status, self._page_size)),
            pid=pid,
        )
        open_runs = partial(_open_reader, pid, started, physical=self._physical)
        opener = partial(open_runs, in_memory.runs)
        return Source(facts, in_memory.runs, opener, False, in_memory.segments, open_runs)

    def left_out(self, pid: int, why: GhostswapError) -> Source | None:
        """A process that cannot be read, for the report; None where it is gone or has no memory."""
        folder = _PROC / str(pid)
        try:
            status = parse_status((folder / "status").read_bytes())
            name = _name(folder, pid)
        except OSError:
            return None
        unreadable = (status["RssAnon"] + status["RssShmem"]) // self._page_size
        if unreadable == 0:
            return None
        facts = Facts(
            name,
            SourceKind.PROCESS,
            swapped=status["VmSwap"] // self._page_size,
            unreadable=unreadable,
            warnings=(why.why,),
        )
        nothing = _InMemory.nothing(self._page_size).runs
        return Source(facts, nothing, partial(_open_reader, pid, 0, nothing), stable=False)

    def _mapped(self, folder: Path, pulse: Pulse) -> "_Mapped":
        """What the process has mapped that swap could take."""
        start, end, anonymous_only, mapping = array("q"), array("q"), array("b"), array("b")
        offered = array("b")
        areas = self._offered(folder, pulse)
        mounts: Mounts | None = None
        with (folder / "maps").open("rb") as file:
            for area in parse_maps(chain.from_iterable(pulse.each(_some_lines(file)))):
                if mounts is None:
                    with pulse:
                        mounts = self._mounts_of(folder)
                backing = area.backing(mounts)
                if backing is not Backing.NONE:
                    start.append(area.start)
                    end.append(area.end)
                    anonymous_only.append(backing is Backing.PRIVATE)
                    mapping.append(_PLACES[mapping_of(area, backing)])
                    offered.append((area.start, area.end) in areas)
        ranges = MappedRanges(
            np.frombuffer(start, dtype=np.int64),
            np.frombuffer(end, dtype=np.int64),
            np.frombuffer(anonymous_only, dtype=np.bool_),
        )
        return _Mapped(
            ranges,
            np.frombuffer(mapping, dtype=np.int8),
            np.frombuffer(offered, dtype=np.bool_),
        )

    def _offered(self, folder: Path, pulse: Pulse) -> set[tuple[int, int]]:
        """The areas that KSM was offered; one that changes meanwhile is taken for none of them."""
        if not _KSM.is_dir():
            return set()
        with pulse:
            if none_is_offered(folder):
                return set()
        with (folder / "smaps").open("rb") as file:
            return set(parse_offered(chain.from_iterable(pulse.each(_some_lines(file)))))

    def _mounts_of(self, folder: Path) -> Mounts:
        namespace = (folder / "ns/mnt").stat().st_ino
        if namespace not in self._mounts:
            self._mounts[namespace] = parse_mounts((folder / "mountinfo").read_bytes())
        return self._mounts[namespace]

    def _find(self, pagemap: int, mapped: "_Mapped", pulse: Pulse) -> "_InMemory":
        """The pages of it that are in memory and not seen before, batch by batch."""
        start, length, mapping, offered = array("q"), array("q"), array("b"), array("b")
        swapped = shared = huge = 0
        for ranges in pulse.each(swappable(pagemap, mapped.ranges, self._page_size)):
            swapped += ranges.swapped
            for once in pulse.each(
                distinct_pages(pagemap, ranges.start, ranges.length, self._page_size, self._seen)
            ):
                start.frombytes(once.start.tobytes())
                length.frombytes(once.length.tobytes())
                area = ranges.part[once.part_of]
                mapping.frombytes(mapped.mapping[area].tobytes())
                offered.frombytes(mapped.offered[area].tobytes())
                shared += once.shared
                huge += int(once.length[ranges.huge[once.part_of]].sum())
        runs = Runs.of(
            self._page_size,
            np.frombuffer(start, dtype=np.int64),
            np.frombuffer(length, dtype=np.int64),
        )
        segments = _segments(
            runs, np.frombuffer(mapping, dtype=np.int8), np.frombuffer(offered, dtype=np.bool_)
        )
        return _InMemory(runs, segments, swapped, shared, huge // self._page_size)


def _some_lines(file: BinaryIO) -> Iterator[list[bytes]]:
    """All lines of a file, some at a time."""
    while lines := file.readlines(_LINES_BYTES):
        yield lines


def refused(pid: int, error: OSError) -> GhostswapError:
    """Why process `pid` cannot be read, in words that tell what to do."""
    if isinstance(error, (FileNotFoundError, ProcessLookupError)):
        return GhostswapError(f"process {pid}", "no such process (or it has just ended)")
    if isinstance(error, PermissionError):
        return GhostswapError(
            f"process {pid}",
            "not allowed to read its memory: it must be your own, or you need CAP_SYS_PTRACE",
        )
    return GhostswapError(f"process {pid}", os_reason(error))


@dataclass(frozen=True, slots=True)
class _Mapped:
    """The areas that swap could take: where they lie, what each is (its place in Mapping), and
    whether KSM was offered it."""

    ranges: MappedRanges
    mapping: NDArray[np.int8]
    offered: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _InMemory:
    runs: Runs
    segments: Segments
    swapped: int
    shared: int  # pages that are mapped more than once, and may be counted again
    thp: int  # pages that lie in huge pages

    @classmethod
    def nothing(cls, page_size: int) -> "_InMemory":
        none = np.empty(0, dtype=np.int64)
        return cls(Runs.of(page_size, none, none), Segments(), 0, 0, 0)


def _segments(runs: Runs, mapping: NDArray[np.int8], offered: Bools) -> Segments:
    """What the runs were mapped as; `mapping` tells it of each, as its place in Mapping, and
    `offered` whether KSM was."""
    if not len(mapping):
        return Segments()
    begins = np.ones(len(mapping), dtype=np.bool_)
    begins[1:] = (mapping[1:] != mapping[:-1]) | (offered[1:] != offered[:-1])
    (places,) = begins.nonzero()
    first = runs.first[:-1][begins]
    pages = np.append(first[1:], runs.pages) - first
    return Segments(
        array("q", first.tobytes()),
        array("q", pages.tobytes()),
        array("q", bytes(8 * len(places))),
        bytearray(mapping[places].tobytes()),
        bytearray(offered[places].tobytes()),
    )


def _warnings(in_memory: _InMemory, status: dict[str, int], page_size: int) -> Iterator[str]:
    if in_memory.shared:
        yield (
            f"{in_memory.shared} of its pages are mapped more than once and may be counted again; "
            "which they are is shown with CAP_SYS_ADMIN only"
        )
    if in_memory.swapped > in_memory.runs.pages:
        yield (
            f"most of it is swapped out ({in_memory.swapped} pages; {in_memory.runs.pages} are in "
            "memory): only what is in memory was measured"
        )
    if status["VmLck"] >= max(in_memory.runs.pages * page_size // 10, _LARGE_LOCKED_BYTES):
        yield f"{format_size(status['VmLck'])} of it are locked in memory and are never swapped"


def mapping_of(area: Area, backing: Backing) -> Mapping:
    """What to call the pages of an area in a report."""
    if backing is Backing.SHMEM and area.shared:
        return Mapping.SHMEM
    if area.name == b"[heap]":
        return Mapping.HEAP
    if area.name.startswith(b"[stack"):
        return Mapping.STACK
    return Mapping.NAMED if area.inode else Mapping.ANON


def _open_reader(
    pid: int, started: int, runs: Runs, physical: PhysicalMemory | None = None
) -> ProcessReader:
    """Open the process for reading; one that has ended since gives pages that are not had."""
    folder = _PROC / str(pid)
    try:
        memory = os.open(folder / "mem", os.O_RDONLY | os.O_CLOEXEC)
        pagemap = os.open(folder / "pagemap", os.O_RDONLY | os.O_CLOEXEC)
        if start_time(folder) == started:
            kcore = open_kcore() if physical is not None else -1
            return ProcessReader(memory, pagemap, runs, physical, kcore)
        os.close(memory)
        os.close(pagemap)
    except OSError:
        pass
    # Reading the null device gives nothing, as reading a process that has ended does.
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    return ProcessReader(nothing, os.dup(nothing), runs)


def _name(folder: Path, pid: int) -> str:
    command = (folder / "comm").read_bytes().rstrip(b"\n").decode(errors="backslashreplace")
    return f"{command}[{pid}]"


def parse_status(text: bytes) -> dict[str, int]:
    """Sizes in bytes out of /proc/PID/status; 0 where it has none, as for threads of the kernel.

    Source: fs/proc/task_mmu.c, task_mem() (Linux 6.18), which writes kB.
    """
    return _sizes(text, _STATUS_SIZES)


def _huge_pages(smaps_rollup: bytes, in_memory: _InMemory, page_size: int) -> int:
    """How many of the pages in memory lie in huge pages, where pagemap does not tell: those that
    other processes were counted for may be among them, but never more than there are."""
    sizes = _sizes(smaps_rollup, _HUGE_SIZES)
    return min(sum(sizes.values()) // page_size, in_memory.runs.pages)


def _sizes(text: bytes, names: tuple[str, ...]) -> dict[str, int]:
    sizes = dict.fromkeys(names, 0)
    for line in text.split(b"\n"):  # and at nothing else: the first line holds any name
        field, _, value = line.partition(b":")
        name = field.decode(errors="replace")
        if name in sizes and (size := _SIZE.fullmatch(value)):
            sizes[name] = int(size[1]) * 1024
    return sizes
