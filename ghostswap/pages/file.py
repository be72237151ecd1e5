"""Pages of a dump in a file or on a block device, read by number."""

import errno
import os
from array import array
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ghostswap.pages.handle import Handle
from ghostswap.pages.layout import Layout
from ghostswap.pages.runs import Runs
from ghostswap.pages.source import MAPPINGS, Facts, Segments, Source, SourceKind

I64 = NDArray[np.int64]
_WINDOW_BYTES = 1 << 16


class FileReader:
    """Reads with pread(2) into the worker's own buffer, so that a file that shrinks meanwhile gives
    a short read; a mapping of it would end the process with SIGBUS.

    Of a file that is gone, or another one now, no page is had.
    """

    def __init__(self, handle: Handle, runs: Runs) -> None:
        self._runs = runs
        try:
            self._fd: int | None = handle.descriptor()
        except OSError:
            self._fd = None

    def read(self, first: int, pages: int, into: memoryview) -> NDArray[np.bool_]:
        page_size = self._runs.page_size
        readable = np.zeros(pages, dtype=np.bool_)
        if self._fd is None:
            return readable
        for piece in self._runs.pieces(first, pages):
            at = piece.first - first
            start = at * page_size
            got = _pread_all(self._fd, into[start : start + piece.length], piece.offset)
            if got == piece.length:
                end = start + piece.pages * page_size
                into[start + got : end] = bytes(end - start - got)
                readable[at : at + piece.pages] = True
            else:
                readable[at : at + got // page_size] = True
        return readable

    @property
    def swapped_in(self) -> int:
        """A file is in no swap."""
        return 0

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


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


class Window:
    """Looks at a file of `size` bytes: headers that lie near each other are read by one call."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self._size = fd, size
        self._begin, self._bytes = 0, b""

    def __call__(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`: a ReadAt. OSError where they cannot be read."""
        at = offset - self._begin
        if at < 0 or at + length > len(self._bytes):
            if offset >= self._size:
                return b""
            if length >= _WINDOW_BYTES:
                return os.pread(self._fd, length, offset)
            self._begin, self._bytes = offset, os.pread(self._fd, _WINDOW_BYTES, offset)
            at = 0
        return self._bytes[at : at + length]


def source_of(
    name: str,
    handle: Handle,
    fd: int,
    size: int,
    page_size: int,
    kind: SourceKind,
    layout: Layout,
) -> Source:
    """The pages of a dump of `size` bytes, which `fd` is open for just now.

    Those that are holes of the file are only counted: they are zeros that nobody needs to read.
    """
    extents = _gather(layout, page_size)
    warnings = [*layout.warnings, *extents.warnings]

    # A page that the file's end cuts is not known, so only whole pages of a cut extent count.
    there = np.clip(size - extents.offset, 0, extents.length)
    cut = there < extents.length
    promised = int(_pages(extents.length, page_size).sum())
    if cut.any():
        missing = int((extents.length - there).sum())
        there[cut] -= there[cut] % page_size
    known = int(_pages(there, page_size).sum())
    if cut.any():
        warnings.append(
            f"truncated: {missing} bytes of its segments are missing, so "
            f"{promised - known} of {promised} pages are not counted"
        )
    pieces = _without_holes(fd, size, page_size, extents.offset, there)
    runs = Runs.of(page_size, pieces.offset, pieces.length)
    facts = Facts(
        name,
        kind,
        absent=extents.absent,
        unreadable=promised - known,
        holes=known - runs.pages,
        incomplete=bool(extents.warnings) or bool(cut.any()),
        warnings=tuple(warnings),
    )
    segments = Segments()
    if kind is SourceKind.CORE:
        bounds = runs.first[pieces.first_of_each(len(there))]
        pages = np.diff(bounds)
        segments = Segments(
            array("q", bounds[:-1].tobytes()),
            array("q", pages.tobytes()),
            array("q", (_pages(there, page_size) - pages).tobytes()),
            bytearray(extents.mapping),
            bytearray(len(extents.mapping)),
        )
    opener = partial(FileReader, handle, runs)
    return Source(facts, runs, opener, stable=True, segments=segments)


class _Extents(NamedTuple):
    """A layout's extents as columns; bytes, and the pages that were left out of the dump."""

    offset: I64
    length: I64
    mapping: NDArray[np.uint8]
    absent: int
    warnings: tuple[str, ...]  # why there may be more


def _gather(layout: Layout, page_size: int) -> _Extents:
    offset, length, mapping = array("q"), array("q"), bytearray()
    absent = 0
    warnings: tuple[str, ...] = ()
    try:
        for extent in layout.extents:
            if extent.file_bytes:
                offset.append(extent.offset)
                length.append(extent.file_bytes)
                mapping.append(MAPPINGS.index(extent.mapping))
            if extent.memory_bytes > extent.file_bytes:
                absent += extent.absent_pages(page_size)
    except ValueError as error:
        warnings = (f"only its first {len(offset)} parts could be read: {error}",)
    return _Extents(
        np.frombuffer(offset, dtype=np.int64),
        np.frombuffer(length, dtype=np.int64),
        np.frombuffer(mapping, dtype=np.uint8),
        absent,
        warnings,
    )


class _Pieces(NamedTuple):
    """What of extents is to be read: columns, in order; bytes, and the number of the extent."""

    offset: I64
    length: I64
    extent: I64 | None  # None: each is whole

    def first_of_each(self, extents: int) -> I64:
        """For each of so many extents, the number of its first piece; and how many there are."""
        if self.extent is None:
            return np.arange(extents + 1)
        return self.extent.searchsorted(np.arange(extents + 1))


def _without_holes(fd: int, size: int, page_size: int, offset: I64, length: I64) -> _Pieces:
    """The parts of extents that hold data, in whole pages of the extent."""
    begin, end = _data_parts(fd, size)
    if len(begin) == 1 and begin[0] == 0 and end[0] == size:
        return _Pieces(offset, length, None)
    # Extents and parts are both in order, so what an extent meets are neighbouring parts.
    first = end.searchsorted(offset, side="right")
    meets = np.maximum(begin.searchsorted(offset + length) - first, 0)
    extent = np.repeat(np.arange(len(offset)), meets)
    part = np.arange(len(extent)) + np.repeat(first - (meets.cumsum() - meets), meets)
    start = np.maximum(begin[part] - offset[extent], 0)
    start -= start % page_size
    stop = np.minimum(_pages(end[part] - offset[extent], page_size) * page_size, length[extent])
    # A page that two parts lie in goes to the first of them.
    same = extent[1:] == extent[:-1]
    start[1:] = np.where(same, np.maximum(start[1:], stop[:-1]), start[1:])
    there = stop > start
    extent = extent[there]
    return _Pieces(offset[extent] + start[there], (stop - start)[there], extent)


def _data_parts(fd: int, size: int) -> tuple[I64, I64]:
    """Where the parts of a file begin and end that may hold data; the rest are holes, zeros by
    definition.

    Where the file system cannot tell (SEEK_DATA is EINVAL there, as on a block device) or says what
    cannot be, all of it may hold data.
    """
    begins, ends = array("q"), array("q")
    end = 0
    while end < size:
        try:
            begin = os.lseek(fd, end, os.SEEK_DATA)
            stop = os.lseek(fd, begin, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data after this
                break
            begin, stop = end, size
        if not end <= begin < stop:
            begin, stop = end, size
        begins.append(begin)
        ends.append(min(stop, size))
        end = stop
    return np.frombuffer(begins, dtype=np.int64), np.frombuffer(ends, dtype=np.int64)


def _pages(length: I64, page_size: int) -> I64:
    return -(-length // page_size)
