"""Pages of a dump in a file or on a block device, read by number."""

import errno
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError
from ghostswap.pages.layout import Extent, Layout
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

    @property
    def swapped_in(self) -> int:
        """A file is in no swap."""
        return 0

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


def open_file(path: Path, fd: int, size: int, page_size: int, layout: Layout) -> Source:
    """The pages of an open file of `size` bytes; GhostswapError where it holds no whole pages."""
    if layout.kind is SourceKind.RAW:
        return _raw(path, fd, size, page_size)
    return _laid_out(path, fd, size, page_size, layout)


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


def _laid_out(path: Path, fd: int, size: int, page_size: int, layout: Layout) -> Source:
    warnings = list(layout.warnings)
    extents: list[Extent] = []
    damage = False
    try:
        extents.extend(layout.extents)
    except ValueError as error:
        damage = True
        warnings.append(f"only its first {len(extents)} parts could be read: {error}")
    offset = np.array([extent.offset for extent in extents], dtype=np.int64)
    promised = np.array([extent.file_bytes for extent in extents], dtype=np.int64)

    # A page that the file's end cuts is not known, so only whole pages of a cut extent count.
    there = np.clip(size - offset, 0, promised)
    cut = there < promised
    length = np.where(cut, there - there % page_size, there)
    runs = Runs.of(page_size, offset, length)
    file_pages = int((-(-promised // page_size)).sum())
    unreadable = file_pages - runs.pages
    if cut.any():
        warnings.append(
            f"truncated: {int((promised - there).sum())} bytes of its segments are missing, so "
            f"{unreadable} of {file_pages} pages are not counted"
        )
    facts = Facts(
        str(path),
        layout.kind,
        # Python integers: hostile segments may add up to more than 64 bits
        absent=sum(extent.absent_pages(page_size) for extent in extents),
        unreadable=unreadable,
        incomplete=damage or bool(cut.any()),
        warnings=tuple(warnings),
    )
    segments = tuple(
        Segment(int(runs.first[i]), int(runs.first[i + 1] - runs.first[i]), extent.mapping)
        for i, extent in enumerate(extents)
        if layout.kind is SourceKind.CORE
    )
    return Source(facts, runs, partial(FileReader, fd, runs), stable=True, segments=segments)
