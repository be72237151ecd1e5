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
from ghostswap.host.maps import Area, Backing, Mounts, parse_area, parse_mounts
from ghostswap.host.offered import none_is_offered, parse_offered
from ghostswap.host.pagemap import PRESENT, MappedRanges, entries_of, has_pagemap_scan, swappable
from ghostswap.host.processes import parse_start_time
from ghostswap.pages.kcore import (
    PhysicalMemory,
    marks_spoil_reclaim,
    open_kcore,
    physical_memory,
    read_frames,
)
from ghostswap.pages.runs import Runs
from ghostswap.pages.source import MAPPINGS, Facts, Mapping, Segments, Source, SourceKind
from ghostswap.pulse import Pulse
from ghostswap.units import format_size

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PROC = Path("/proc")
_KSM = Path("/sys/kernel/mm/ksm")
_LARGE_LOCKED_BYTES = 1 << 20
_MOST_KINDS = 1 << 14  # remembered at once: a MiB or two
_LINES_BYTES = 1 << 16  # of /proc/PID/maps, read at once
_HUGE_SIZES = ("AnonHugePages", "ShmemPmdMapped")
_STATUS_SIZES = ("RssAnon", "RssShmem", "VmSwap", "VmLck")
# Pages looked at and then read at once: some 10 µs, in which few can go to swap. With 512 ten times
# as many did (tests/kernel/test_pressure.py).
_LOOK_PAGES = 16
_FRAMES_AT_ONCE = 256  # looked up, read, and looked up again
# A name holds no newline as such (fs/proc/array.c, proc_task_name()).
_SIZES = re.compile(
    rb"^(%s):\s*(\d+) kB$" % "|".join(_HUGE_SIZES + _STATUS_SIZES).encode(), re.MULTILINE
)


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
        faults = getrusage(RUSAGE_SELF).ru_majflt
        for begin, end in _neighbours(numbers.tolist(), present.tolist()):
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
        self._kinds: dict[int, _Kinds] = {}  # by mount namespace
        self._physical = physical_memory() if marks_spoil_reclaim() else None

    def open(self, pid: int, pulse: Pulse | None = None) -> Source:
        """The pages of process `pid`; GhostswapError where it is gone or may not be read.

        What may hang in the kernel, where the process holds its page tables, is done inside
        `pulse`.
        """
        pulse = pulse or Pulse()
        try:
            with pulse:
                started, name = parse_start_time(_read(pid, "stat")), _name(pid)
                status = parse_status(_read(pid, "status"))
            mapped = self._mapped(pid, pulse)
            in_memory = _InMemory.nothing(self._page_size)
            if len(mapped.mapping):  # none: a thread of the kernel, or a process that has ended
                with pulse:
                    # Fails here, before a page is counted, when reading the memory is not allowed.
                    os.close(_open(pid, "mem"))
                    fd = _open(pid, "pagemap")
                try:
                    in_memory = self._find(fd, mapped, pulse)
                    if not has_pagemap_scan(fd):
                        with pulse:
                            rollup = _read(pid, "smaps_rollup")
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
        try:
            status = parse_status(_read(pid, "status"))
            name = _name(pid)
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

    def _mapped(self, pid: int, pulse: Pulse) -> "_Mapped":
        """What the process has mapped that swap could take."""
        start, end, anonymous_only, mapping = array("q"), array("q"), array("b"), array("b")
        offered = array("b")
        areas = self._offered(pid, pulse)
        kinds: _Kinds | None = None
        with os.fdopen(_open(pid, "maps"), "rb") as file:
            for line in chain.from_iterable(pulse.each(_some_lines(file))):
                if kinds is None:
                    with pulse:
                        kinds = self._kinds_of(pid)
                addresses, _, facts = line.partition(b" ")
                try:
                    kind = kinds.known[facts]
                except KeyError:
                    kind = kinds.learn(line, facts)
                if kind is not None:
                    first, _, last = addresses.partition(b"-")
                    start.append(int(first, 16))
                    end.append(int(last, 16))
                    anonymous_only.append(kind.anonymous_only)
                    mapping.append(kind.place)
                    offered.append(bool(areas) and (start[-1], end[-1]) in areas)
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

    def _offered(self, pid: int, pulse: Pulse) -> set[tuple[int, int]]:
        """The areas that KSM was offered; one that changes meanwhile is taken for none of them."""
        if not _KSM.is_dir():
            return set()
        with pulse:
            if none_is_offered(_PROC / str(pid)):
                return set()
        with os.fdopen(_open(pid, "smaps"), "rb") as file:
            return set(parse_offered(chain.from_iterable(pulse.each(_some_lines(file)))))

    def _kinds_of(self, pid: int) -> "_Kinds":
        namespace = Path(f"/proc/{pid}/ns/mnt").stat().st_ino
        if namespace not in self._kinds:
            mounts = parse_mounts(_read(pid, "mountinfo"))
            self._kinds[namespace] = _Kinds(mounts, {})
        return self._kinds[namespace]

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


def _neighbours(numbers: list[int], present: list[bool]) -> list[tuple[int, int]]:
    """Where those that are present and follow upon each other begin and end, by place in the list:
    in plain Python, which is done with a few of them before NumPy has begun."""
    spans: list[tuple[int, int]] = []
    begin = 0
    for at, is_present in enumerate(present):
        if at > begin and not (is_present and numbers[at] == numbers[at - 1] + 1):
            spans.append((begin, at))
            begin = at
        if not is_present:
            begin = at + 1
    if begin < len(present):
        spans.append((begin, len(present)))
    return spans


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
class _Kind:
    """What an area is to swap: whether pages of files in it are not meant, and what it is called
    (its place in MAPPINGS)."""

    anonymous_only: bool
    place: int


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What areas are to a process that sees `mounts`, by all that their lines of maps say behind
    the addresses: of thousands of processes, nearly all have the same. None: swap never sees it."""

    mounts: Mounts
    known: dict[bytes, _Kind | None]

    def learn(self, line: bytes, facts: bytes) -> _Kind | None:
        """Of a line whose `facts` are not known yet; ValueError where it is none of maps."""
        area = parse_area(line)
        backing = area.backing(self.mounts)
        kind = None
        if backing is not Backing.NONE:
            kind = _Kind(backing is Backing.PRIVATE, MAPPINGS.index(mapping_of(area, backing)))
        if len(self.known) >= _MOST_KINDS:
            self.known.clear()
        self.known[facts] = kind
        return kind


@dataclass(frozen=True, slots=True)
class _Mapped:
    """The areas that swap could take: where they lie, what each is (its place in MAPPINGS), and
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
    """What the runs were mapped as; `mapping` tells it of each, as its place in MAPPINGS, and
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
    try:
        memory, pagemap = _open(pid, "mem"), _open(pid, "pagemap")
        if parse_start_time(_read(pid, "stat")) == started:
            kcore = open_kcore() if physical is not None else -1
            return ProcessReader(memory, pagemap, runs, physical, kcore)
        os.close(memory)
        os.close(pagemap)
    except OSError:
        pass
    # Reading the null device gives nothing, as reading a process that has ended does.
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    return ProcessReader(nothing, os.dup(nothing), runs)


def _open(pid: int, name: str) -> int:
    """A file of /proc/PID, open; a path as text, since of ten thousand processes a Path for each
    file takes half a second."""
    return os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)


def _read(pid: int, name: str) -> bytes:
    """All of a file of /proc/PID."""
    with os.fdopen(_open(pid, name), "rb", buffering=0) as file:
        return file.read()


def _name(pid: int) -> str:
    command = _read(pid, "comm").rstrip(b"\n").decode(errors="backslashreplace")
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
    all_sizes = {name.decode(): int(kib) * 1024 for name, kib in _SIZES.findall(text)}
    return {name: all_sizes.get(name, 0) for name in names}
