"""Pages of a dump in a file: which reader fits it, and reading its pages by number."""

import errno
import os
import stat
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.pages import elfcore
from ghostswap.pages.runs import Runs
from ghostswap.pages.source import Facts, Segment, Source, SourceKind


@dataclass(slots=True)
class FileReader:
    """Reads with pread(2) into the worker's own buffer, so that a file that shrinks meanwhile gives
    a short read; a mapping of it would end the process with SIGBUS."""

    fd: int
    runs: Runs

    def read(self, first: int, pages: int, into: memoryview) -> NDArray[np.bool_]:
        page_size = self.runs.page_size
        had = np.zeros(pages, dtype=np.bool_)
        for piece in self.runs.pieces(first, pages):
            at = piece.first - first
            start = at * page_size
            got = _pread_all(self.fd, into[start : start + piece.length], piece.offset)
            if got == piece.length:
                end = start + piece.pages * page_size
                into[start + got : end] = bytes(end - start - got)
                had[at : at + piece.pages] = True
            else:
                had[at : at + got // page_size] = True
        return had

    def close(self) -> None:
        """The descriptor belongs to the process that opened the source."""


def _pread_all(fd: int, into: memoryview, offset: int) -> int:
    """Bytes read before the end of the file or an I/O error."""
    done = 0
    while done < len(into):
        try:
            got = os.preadv(fd, [into[done:]], offset + done)
        except OSError:
            break
        if got == 0:
            break
        done += got
    return done


def open_dump(path: Path, page_size: int) -> Source:
    """The pages of the raw dump or ELF core at `path`.

    Raises GhostswapError where it is neither, is empty, or cannot be opened.
    """
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes must not wait.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None
    try:
        return _open(path, fd, page_size)
    except BaseException:
        os.close(fd)
        raise


def _open(path: Path, fd: int, page_size: int) -> Source:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise GhostswapError(path, "is a directory, not a dump")
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        raise GhostswapError(path, "is neither a file nor a block device")
    size = os.lseek(fd, 0, os.SEEK_END)
    if size == 0:
        raise GhostswapError(path, "is empty")
    if elfcore.is_core(os.pread(fd, elfcore.HEADER_BYTES, 0)):
        return _core(path, fd, size, page_size)
    return _raw(path, fd, size, page_size)


def _raw(path: Path, fd: int, size: int, page_size: int) -> Source:
    if size % page_size:
        raise GhostswapError(
            path,
            f"is neither an ELF core nor a raw dump: its {size} bytes are no whole number of "
            f"{page_size}-byte pages",
        )
    offset, length = _data_extents(fd, size, page_size)
    runs = Runs.of(page_size, offset, length)
    facts = Facts(str(path), SourceKind.RAW, holes=size // page_size - runs.pages)
    return Source(facts, runs, partial(FileReader, fd, runs), stable=True)


def _data_extents(
    fd: int, size: int, page_size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets and lengths of the parts of a file that may hold data, in whole pages.

    The rest are holes: zeros by definition, never read. Where the file system cannot tell
    (SEEK_DATA is EINVAL there, as on a block device), all of it may hold data.
    """
    extents: list[tuple[int, int]] = []
    end = 0
    while end < size:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
            stop = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: no data after this
                extents.append((end, size))
            break
        start -= start % page_size
        stop = min(stop + -stop % page_size, size)
        extents.append((max(start, end), stop))
        end = stop
    columns = np.array(extents, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0].copy(), columns[:, 1] - columns[:, 0]


def _core(path: Path, fd: int, size: int, page_size: int) -> Source:
    def read(offset: int, length: int) -> bytes:
        return os.pread(fd, length, offset)

    try:
        core = elfcore.parse(read, size)
    except ValueError as error:
        raise GhostswapError(path, str(error)) from None
    offset = np.array([load.offset for load in core.loads], dtype=np.int64)
    promised = np.array([load.file_bytes for load in core.loads], dtype=np.int64)

    # A page that the file's end cuts is not known, so only whole pages of a cut segment count.
    there = np.clip(size - offset, 0, promised)
    cut = there < promised
    length = np.where(cut, there - there % page_size, there)
    runs = Runs.of(page_size, offset, length)
    file_pages = -(-promised // page_size)
    unreadable = int(file_pages.sum()) - runs.pages
    missing = int((promised - there).sum())
    warnings: tuple[str, ...] = ()
    if missing:
        warnings = (
            f"truncated: {missing} bytes of its segments are missing, so {unreadable} of "
            f"{int(file_pages.sum())} pages are not counted",
        )
    facts = Facts(
        str(path),
        SourceKind.CORE,
        absent=sum(  # Python integers: hostile segments may add up to more than 64 bits
            max(-(-load.memory_bytes // page_size) - -(-load.file_bytes // page_size), 0)
            for load in core.loads
        ),
        unreadable=unreadable,
        incomplete=missing > 0,
        warnings=warnings,
    )
    segments = tuple(
        Segment(int(runs.first[i]), int(runs.first[i + 1] - runs.first[i]), load.mapping)
        for i, load in enumerate(core.loads)
    )
    return Source(facts, runs, partial(FileReader, fd, runs), stable=True, segments=segments)
