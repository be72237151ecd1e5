"""Opens what was named as a dump: a file or block device, compressed or not, a pipe, or standard
input."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.pages.compressed import MAX_EXPANSION, ByteStream, Compression, decompressed
from ghostswap.pages.file import Window, source_of
from ghostswap.pages.formats import RAW, Format, format_of
from ghostswap.pages.forward import Descriptor, Forward
from ghostswap.pages.handle import Handle
from ghostswap.pages.layout import Dump, Layout
from ghostswap.pages.source import Source, SourceKind, Stream
from ghostswap.pages.stream import LateStream, PageStream

STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Reading:
    """How dumps are to be read: `raw` takes all their bytes as pages, whatever they look like; what
    is compressed may expand `max_expansion` times beyond its first GiB."""

    raw: bool = False
    max_expansion: int = MAX_EXPANSION


def open_dump(
    path: Path, page_size: int, reading: Reading | None = None, *, keep: bool = True
) -> Source | Stream:
    """The pages of the dump at `path`, or of standard input for `-`.

    Without `keep`, no descriptor of a file stays open between two times that it is read. Raises
    GhostswapError where it cannot be opened, is empty, or is of no kind that can be read.
    """
    reading = reading or Reading()
    if path == STANDARD_INPUT:
        return _open_standard_input(page_size, reading)
    handle = Handle(path, keep=keep)
    begin = partial(_begin, handle, page_size, reading)
    if handle.fifo:
        return begin()
    try:
        return _open_file(handle, page_size, reading) or LateStream(begin().facts, begin)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None


def _open_file(handle: Handle, page_size: int, reading: Reading) -> Source | None:
    """The pages of a file by number; None where it must be unpacked."""
    path = handle.path
    with handle.opened() as fd:
        size = os.lseek(fd, 0, os.SEEK_END)
        if size == 0:
            raise GhostswapError(path, "is empty")
        dump = Dump(Window(fd, size), size, page_size, path)
        if not reading.raw and Compression.of(dump.read):
            return None
        format_ = _format(dump, reading)
        if format_.transform is not None:
            return None
        layout = _layout(path, format_, dump)
        kind = _kind(format_, layout)
        return source_of(str(path), handle, fd, size, page_size, kind, layout)


def _open_standard_input(page_size: int, reading: Reading) -> Stream:
    fd = 0
    try:
        if os.isatty(fd):
            raise GhostswapError("standard input", "is a terminal; pipe a dump into it")
        os.fstat(fd)
    except OSError as error:
        raise GhostswapError("standard input", os_reason(error)) from None
    return stream_of(str(STANDARD_INPUT), Descriptor(fd), page_size, reading)


def _begin(handle: Handle, page_size: int, reading: Reading) -> PageStream:
    """The pages of a file or FIFO from its beginning, in order."""
    try:
        fd = handle.descriptor()
    except OSError as error:
        raise GhostswapError(handle.path, os_reason(error)) from None
    descriptor = Descriptor(fd, closes=True)
    if not handle.fifo:
        os.lseek(fd, 0, os.SEEK_SET)
    return stream_of(str(handle.path), descriptor, page_size, reading)


def stream_of(name: str, bytes_: ByteStream, page_size: int, reading: Reading) -> PageStream:
    """The pages of a dump whose bytes come once, in order; GhostswapError as for open_dump()."""
    forward = Forward(bytes_)
    if not reading.raw and (compression := Compression.of(forward.look)):
        forward = Forward(decompressed(forward, compression, reading.max_expansion))
    first_page = forward.look(0, page_size)
    if not first_page:
        raise GhostswapError(name, forward.damage or "is empty")
    dump = Dump(forward.look, None, page_size)
    format_ = _format(dump, reading)
    if format_ is RAW and len(first_page) < page_size:
        why = f"has {len(first_page)} bytes, less than a page of {page_size}"
        raise GhostswapError(name, forward.damage or why)
    if format_.transform is not None:
        forward = Forward(format_.transform(forward))
        dump = Dump(forward.look, None, page_size)
    layout = _layout(name, format_, dump)
    return PageStream(name, forward, _kind(format_, layout), layout, page_size)


def _format(dump: Dump, reading: Reading) -> Format:
    return RAW if reading.raw else format_of(dump)


def _layout(where: object, format_: Format, dump: Dump) -> Layout:
    try:
        return format_.layout(dump)
    except ValueError as error:
        raise GhostswapError(where, str(error)) from None


def _kind(format_: Format, layout: Layout) -> SourceKind:
    kind = layout.kind or format_.kind
    assert kind is not None  # a format without one has no layout
    return kind
