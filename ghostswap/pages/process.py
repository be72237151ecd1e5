"""Pages of a running process that compressed swap could take: anonymous and shmem pages in memory.

The process runs on, and nothing is faulted in: only pages that pagemap shows present are read from
/proc/PID/mem, and each is looked up once more right before.
"""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.host.maps import Area, Backing, parse_maps, tmpfs_devices
from ghostswap.host.pagemap import still_present, swappable
from ghostswap.pages.runs import Runs
from ghostswap.pages.source import Facts, Mapping, Segment, Source, SourceKind

_PROC = Path("/proc")


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


def open_process(pid: int, page_size: int) -> Source:
    """The pages of process `pid`; GhostswapError where it is gone or may not be read."""
    folder = _PROC / str(pid)
    try:
        started = _start_time(folder)
        maps = (folder / "maps").read_bytes()
        tmpfs = tmpfs_devices((folder / "mountinfo").read_bytes())
        with (folder / "pagemap").open("rb", buffering=0) as pagemap:
            runs, segments, swapped = _find(pagemap.fileno(), parse_maps(maps), tmpfs, page_size)
        # Fails here, before the scan, when reading the memory is not allowed.
        os.close(os.open(folder / "mem", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise refused(pid, error) from None
    facts = Facts(_name(folder, pid), SourceKind.PROCESS, swapped=swapped)
    opener = partial(_open_reader, pid, started, runs)
    return Source(facts, runs, opener, stable=False, segments=segments)


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


def _find(
    pagemap: int, areas: list[Area], tmpfs: frozenset[bytes], page_size: int
) -> tuple[Runs, tuple[Segment, ...], int]:
    starts: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    lengths: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    segments: list[Segment] = []
    first = swapped = 0
    for area in areas:
        backing = area.backing(tmpfs)
        if backing is Backing.NONE:
            continue
        found = swappable(
            pagemap,
            area.start,
            area.end,
            anonymous_only=not area.shared,
            page_size=page_size,
        )
        swapped += found.swapped
        pages = int(found.length.sum()) // page_size
        if pages:
            starts.append(found.start)
            lengths.append(found.length)
            segments.append(Segment(first, pages, mapping_of(area, backing)))
            first += pages
    runs = Runs.of(page_size, np.concatenate(starts), np.concatenate(lengths))
    return runs, tuple(segments), swapped


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
