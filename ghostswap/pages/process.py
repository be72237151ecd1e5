"""Pages of a running process that compressed swap could take: anonymous and shmem pages in memory.

The process runs on, and nothing is faulted in: only pages that pagemap shows present are read from
/proc/PID/mem, and each is looked up once more right before.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.host.frames import SeenFrames, distinct_pages
from ghostswap.host.maps import Area, Backing, Mounts, parse_maps, parse_mounts
from ghostswap.host.pagemap import Wanted, still_present, swappable
from ghostswap.pages.runs import Runs
from ghostswap.pages.source import Facts, Mapping, Segment, Source, SourceKind
from ghostswap.units import format_size

_PROC = Path("/proc")
_LARGE_LOCKED_BYTES = 1 << 20
_STATUS_SIZES = ("RssAnon", "RssShmem", "VmSwap", "VmLck")


@dataclass(slots=True)
class ProcessReader:
    """An open process; its pages are addressed by the runs found when the scan began."""

    memory: int
    pagemap: int
    runs: Runs

    def read(self, first: int, pages: int, into: memoryview) -> NDArray[np.bool_]:
        had = np.zeros(pages, dtype=np.bool_)
        page_size = self.runs.page_size
        for piece in self.runs.pieces(first, pages):
            try:
                present = still_present(self.pagemap, piece.offset, piece.pages, page_size)
            except OSError:
                continue  # the process has ended: its pages are not had
            at = piece.first - first
            edges = np.flatnonzero(np.diff(np.concatenate([[0], present, [0]]).astype(np.int8)))
            for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
                self._copy(piece.offset, at, start, stop, into, had)
        return had

    def _copy(
        self, base: int, at: int, start: int, stop: int, into: memoryview, had: NDArray[np.bool_]
    ) -> None:
        """Copy pages `start` … `stop` of a piece; a page that has gone since is skipped."""
        size = self.runs.page_size
        while start < stop:
            view = into[(at + start) * size : (at + stop) * size]
            try:
                got = os.preadv(self.memory, [view], base + start * size) // size
            except OSError:
                got = 0
            had[at + start : at + start + got] = True
            start += got + 1

    def close(self) -> None:
        os.close(self.memory)
        os.close(self.pagemap)


class Processes:
    """The processes of one census: what several of them share is counted once."""

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._seen = SeenFrames()
        self._mounts: dict[int, Mounts] = {}  # by mount namespace

    def open(self, pid: int) -> Source:
        """The pages of process `pid`; GhostswapError where it is gone or may not be read."""
        folder = _PROC / str(pid)
        try:
            started, name = _start_time(folder), _name(folder, pid)
            areas = parse_maps((folder / "maps").read_bytes())
            status = parse_status((folder / "status").read_bytes())
            found = _Found.nothing(self._page_size)
            if areas:  # none: a thread of the kernel, or a process that has ended
                # Fails here, before a page is counted, when reading the memory is not allowed.
                os.close(os.open(folder / "mem", os.O_RDONLY | os.O_CLOEXEC))
                mounts = self._mounts_of(folder)
                with (folder / "pagemap").open("rb", buffering=0) as pagemap:
                    found = _find(pagemap.fileno(), areas, mounts, self._page_size, self._seen)
        except OSError as error:
            raise refused(pid, error) from None
        facts = Facts(
            name,
            SourceKind.PROCESS,
            swapped=found.swapped,
            warnings=tuple(_warnings(found, status, self._page_size)),
        )
        opener = partial(_open_reader, pid, started, found.runs)
        return Source(facts, found.runs, opener, stable=False, segments=found.segments)

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
        nothing = _Found.nothing(self._page_size).runs
        return Source(facts, nothing, partial(_open_reader, pid, b"", nothing), stable=False)

    def _mounts_of(self, folder: Path) -> Mounts:
        namespace = (folder / "ns/mnt").stat().st_ino
        if namespace not in self._mounts:
            self._mounts[namespace] = parse_mounts((folder / "mountinfo").read_bytes())
        return self._mounts[namespace]


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
class _Found:
    runs: Runs
    segments: tuple[Segment, ...]
    swapped: int
    shared: int  # pages that are mapped more than once, and may be counted again

    @classmethod
    def nothing(cls, page_size: int) -> "_Found":
        none = np.empty(0, dtype=np.int64)
        return cls(Runs.of(page_size, none, none), (), 0, 0)


def _find(
    pagemap: int, areas: list[Area], mounts: Mounts, page_size: int, seen: SeenFrames
) -> _Found:
    areas = [area for area in areas if area.backing(mounts) is not Backing.NONE]
    wanted = Wanted(
        np.array([area.start for area in areas], dtype=np.int64),
        np.array([area.end for area in areas], dtype=np.int64),
        np.array([not area.shared for area in areas], dtype=np.bool_),
    )
    found = swappable(pagemap, wanted, page_size)
    once = distinct_pages(pagemap, found.start, found.length, page_size, seen)
    runs = Runs.of(page_size, once.start, once.length)
    segments = _segments(runs, found.part[once.part_of], areas, mounts)
    return _Found(runs, segments, found.swapped, once.shared)


def _segments(
    runs: Runs, area_of: NDArray[np.int64], areas: list[Area], mounts: Mounts
) -> tuple[Segment, ...]:
    """What the runs were mapped as; `area_of` tells which of `areas` each is in, ascending."""
    begins = np.flatnonzero(np.diff(area_of, prepend=-1))
    ends = np.append(begins[1:], len(area_of))[: len(begins)]
    first = runs.first
    return tuple(
        Segment(
            int(first[begin]),
            int(first[end] - first[begin]),
            mapping_of(areas[area_of[begin]], areas[area_of[begin]].backing(mounts)),
        )
        for begin, end in zip(begins, ends, strict=True)
    )


def _warnings(found: _Found, status: dict[str, int], page_size: int) -> Iterator[str]:
    if found.shared:
        yield (
            f"{found.shared} of its pages are mapped more than once and may be counted again; "
            "which they are is shown with CAP_SYS_ADMIN only"
        )
    if status["VmLck"] >= max(found.runs.pages * page_size // 10, _LARGE_LOCKED_BYTES):
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


def _open_reader(pid: int, started: bytes, runs: Runs) -> ProcessReader:
    """Open the process for reading; one that has ended since gives pages that are not had."""
    folder = _PROC / str(pid)
    try:
        memory = os.open(folder / "mem", os.O_RDONLY | os.O_CLOEXEC)
        pagemap = os.open(folder / "pagemap", os.O_RDONLY | os.O_CLOEXEC)
        if _start_time(folder) == started:
            return ProcessReader(memory, pagemap, runs)
        os.close(memory)
        os.close(pagemap)
    except OSError:
        pass
    # Reading the null device gives nothing, as reading a process that has ended does.
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    return ProcessReader(nothing, os.dup(nothing), runs)


def _start_time(folder: Path) -> bytes:
    """When the process began (field 22 of stat): with its number, it names a process for good."""
    return (folder / "stat").read_bytes().rpartition(b")")[2].split()[19]


def _name(folder: Path, pid: int) -> str:
    command = (folder / "comm").read_bytes().rstrip(b"\n").decode(errors="backslashreplace")
    return f"{command}[{pid}]"


def parse_status(text: bytes) -> dict[str, int]:
    """Sizes in bytes out of /proc/PID/status; 0 where it has none, as for threads of the kernel.

    Source: fs/proc/task_mmu.c, task_mem() (Linux 6.18), which writes kB.
    """
    sizes = dict.fromkeys(_STATUS_SIZES, 0)
    for line in text.decode(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name in sizes:
            sizes[name] = int(value.split()[0]) * 1024
    return sizes
