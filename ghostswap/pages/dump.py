"""Opens what was named as a dump: a file or block device, compressed or not, a pipe, or standard
input."""

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.pages import criu, lime
from ghostswap.pages.avml import AvmlAsLime, is_avml
from ghostswap.pages.compressed import MAX_EXPANSION, Compression, decompressed
from ghostswap.pages.file import open_file
from ghostswap.pages.formats import RAW, identify
from ghostswap.pages.forward import Descriptor, Forward
from ghostswap.pages.layout import Layout, ReadAt
from ghostswap.pages.source import Source, SourceKind, Stream
from ghostswap.pages.stream import PageStream

STANDARD_INPUT = Path("-")
_MAGIC_BYTES = 16


@dataclass(frozen=True, slots=True)
class Reading:
    """How dumps are to be read: `raw` takes all their bytes as pages, whatever they look like; what
    is compressed may expand `max_expansion` times beyond its first GiB."""

    raw: bool = False
    max_expansion: int = MAX_EXPANSION


def open_dump(path: Path, page_size: int, reading: Reading | None = None) -> Source | Stream:
    """The pages of the dump at `path`, or of standard input for `-`.

    Raises GhostswapError where it cannot be opened, is empty, or is of no kind that can be read.
    """
    reading = reading or Reading()
    if path == STANDARD_INPUT:
        return _open_standard_input(page_size, reading)
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes must not wait.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None
    try:
        return _open(path, fd, page_size, reading)
    except BaseException as error:
        os.close(fd)
        if isinstance(error, OSError):
            raise GhostswapError(path, os_reason(error)) from None
        raise


def _open(path: Path, fd: int, page_size: int, reading: Reading) -> Source | Stream:
    mode = os.fstat(fd).st_mode
    if stat.S_ISDIR(mode):
        raise GhostswapError(path, "is a directory, not a dump")
    if stat.S_ISFIFO(mode):
        os.set_blocking(fd, True)
        return _stream(str(path), fd, page_size, reading)
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise GhostswapError(path, "is neither a file nor a block device")
    size = os.lseek(fd, 0, os.SEEK_END)
    if size == 0:
        raise GhostswapError(path, "is empty")

    def read(offset: int, length: int) -> bytes:
        return os.pread(fd, length, offset) if offset < size else b""

    start = b"" if reading.raw else read(0, _MAGIC_BYTES)
    if Compression.of(start) or is_avml(start):
        os.lseek(fd, 0, os.SEEK_SET)
        return _stream(str(path), fd, page_size, reading)
    layout = None if reading.raw else criu.layout(path, page_size)
    layout = layout or _layout(path, read, size, page_size, reading)
    return open_file(path, fd, size, page_size, layout)


def _open_standard_input(page_size: int, reading: Reading) -> Stream:
    fd = 0
    try:
        if os.isatty(fd):
            raise GhostswapError("standard input", "is a terminal; pipe a dump into it")
        os.fstat(fd)
    except OSError as error:
        raise GhostswapError("standard input", os_reason(error)) from None
    return _stream(str(STANDARD_INPUT), fd, page_size, reading)


def _stream(name: str, fd: int, page_size: int, reading: Reading) -> Stream:
    forward = Forward(Descriptor(fd))
    compression = Compression.of(forward.look(0, _MAGIC_BYTES))
    if compression and not reading.raw:
        forward = Forward(decompressed(forward, compression, reading.max_expansion))
    first_page = forward.look(0, page_size)
    if not first_page:
        raise GhostswapError(name, forward.damage or "is empty")
    if not reading.raw and is_avml(forward.look(0, _MAGIC_BYTES)):
        forward = Forward(AvmlAsLime(forward))
        layout = replace(lime.layout(forward.look), kind=SourceKind.AVML)
    else:
        layout = _layout(name, forward.look, None, page_size, reading)
        if layout is RAW and len(first_page) < page_size:
            why = f"has {len(first_page)} bytes, less than a page of {page_size}"
            raise GhostswapError(name, forward.damage or why)
    return PageStream(name, forward, layout, page_size)


def _layout(
    where: object, read: ReadAt, size: int | None, page_size: int, reading: Reading
) -> Layout:
    try:
        return RAW if reading.raw else identify(read, size, page_size)
    except ValueError as error:
        raise GhostswapError(where, str(error)) from None
