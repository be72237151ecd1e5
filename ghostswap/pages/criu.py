"""The memory of a process in CRIU's images: pages-N.img holds pages and nothing else; pagemap-*.img
beside it tell whose they are, and which are in the images of an earlier dump.

Format: checkpoint-restore/criu, images/pagemap.proto and criu/include/magic.h; image files are two
magic numbers, then messages of Protocol Buffers, each behind its length in 4 bytes.
"""

import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ghostswap.pages import raw
from ghostswap.pages.layout import MOST_BYTES, Dump, Extent, Layout
from ghostswap.pages.source import SourceKind

_PAGES_NAME = re.compile(r"pages-(\d{1,9})\.img")
_PAGEMAP_NAME = re.compile(r"pagemap-.*\.img", re.DOTALL)
_COMMON_MAGIC, _PAGEMAP_MAGIC = 0x54564319, 0x56084025
# An entry takes some 15 bytes: these are two million runs of pages.
MAX_PAGEMAP_BYTES = 32 << 20
_MOST_PAGES = 1 << 40  # of one run: an address space of 64 bits has 2^52 pages of 4 KiB at most
_MOST_PAGEMAPS = 1 << 15  # beside one pages-N.img: there is one for each process
_HEAD_BYTES = 64

# pagemap_head and pagemap_entry: field numbers; and bits of `flags`
_PAGES_ID = 1
_NR_PAGES, _IN_PARENT, _FLAGS = 2, 3, 4
_FIELDS = frozenset((_PAGES_ID, _NR_PAGES, _IN_PARENT, _FLAGS))
_PE_PARENT, _PE_LAZY, _PE_PRESENT = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Pagemap:
    """How many pages of a process are where: in pages-`pages_id`.img, or in an earlier dump, or
    (`lazy`) with a page server."""

    pages_id: int
    present: int
    in_parent: int
    lazy: int


def parse_pagemap(data: bytes) -> Pagemap:
    """What a pagemap-*.img says; ValueError with the reason where it is none or is damaged."""
    messages = _messages(data)
    pages_id = next(messages, {}).get(_PAGES_ID, 0)
    present = in_parent = lazy = 0
    for entry in messages:
        pages, flags = entry.get(_NR_PAGES, 0), entry.get(_FLAGS)
        if pages >= _MOST_PAGES:
            raise ValueError(f"damaged pagemap image: a run of {pages} pages")
        if flags is None:  # before CRIU 3.0
            flags = _PE_PARENT if entry.get(_IN_PARENT) else _PE_PRESENT
        if flags & _PE_PRESENT:
            present += pages
        elif flags & _PE_PARENT:
            in_parent += pages
        elif flags & _PE_LAZY:
            lazy += pages
    return Pagemap(pages_id, present, in_parent, lazy)


def is_pages_image(dump: Dump) -> bool:
    """True when a dump is named as CRIU names its pages; nothing in them tells what they are."""
    return dump.path is not None and _PAGES_NAME.fullmatch(dump.path.name) is not None


def layout(dump: Dump) -> Layout:
    """The pages that the pagemaps beside the dump describe.

    Where there is none that can be read, all there is to say is that it holds pages; ValueError
    where it has a part of one then.
    """
    assert dump.path is not None
    match = _PAGES_NAME.fullmatch(dump.path.name)
    assert match is not None
    return layout_of(_beside(dump.path, int(match[1])), dump)


def layout_of(pagemaps: Iterable[Pagemap], dump: Dump) -> Layout:
    """The layout of an image of pages that `pagemaps` describe, in the order of the file."""
    present = in_parent = lazy = 0
    for pagemap in pagemaps:
        present += pagemap.present
        in_parent += pagemap.in_parent
        lazy += pagemap.lazy
    if not 0 < present * dump.page_size < MOST_BYTES:
        return replace(raw.layout(dump), kind=SourceKind.RAW)
    parent = "" if dump.path is None else f"; see {dump.path.parent / 'parent'}"
    warnings = []
    if in_parent:
        warnings.append(
            f"{in_parent} of its pages are in the images of an earlier dump and not counted{parent}"
        )
    if lazy:
        warnings.append(f"{lazy} of its pages were left with a page server and are not counted")
    length = present * dump.page_size
    memory = (present + in_parent + lazy) * dump.page_size
    return Layout([Extent(0, length, memory)], tuple(warnings))


def _beside(pages: Path, pages_id: int) -> Iterator[Pagemap]:
    """What the pagemaps in the folder of `pages` say that are of the image `pages_id`.

    One that is damaged, too large or no regular file says nothing.
    """
    try:
        with os.scandir(pages.parent) as entries:
            names = (entry.name for entry in entries if _PAGEMAP_NAME.fullmatch(entry.name))
            sorted_names = sorted(islice(names, _MOST_PAGEMAPS))
    except OSError:
        return
    left = MAX_PAGEMAP_BYTES  # of all together
    for name in sorted_names:
        try:
            data = _read_of(pages.parent / name, pages_id, left)
            left -= len(data)
            if data:
                yield parse_pagemap(data)
        except (OSError, ValueError):
            continue


def _read_of(path: Path, pages_id: int, most_bytes: int) -> bytes:
    """A pagemap image; empty where it is of other pages, no regular file, or too large."""
    if not stat.S_ISREG(path.stat().st_mode):  # to open a device may do something
        return b""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or size > most_bytes:
            return b""
        head = next(_messages(file.read(_HEAD_BYTES)), {})
        if head.get(_PAGES_ID) != pages_id:
            return b""
        file.seek(0)
        return file.read(size)


def _messages(data: bytes) -> Iterator[dict[int, int]]:
    """The messages of a pagemap image: its head, then its entries."""
    if data[:8] != struct.pack("<II", _COMMON_MAGIC, _PAGEMAP_MAGIC):
        raise ValueError("is no pagemap image of CRIU")
    at = 8
    while at < len(data):
        if at + 4 > len(data):
            raise ValueError("damaged pagemap image: it ends inside a length")
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + length > len(data):
            raise ValueError("damaged pagemap image: it ends inside an entry")
        yield _fields(data[at : at + length])
        at += length


def _fields(message: bytes) -> dict[int, int]:
    """The integers of a Protocol Buffers message that are asked for, by field number."""
    fields: dict[int, int] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            if key >> 3 in _FIELDS:
                fields[key >> 3] = value
        elif kind == 2:
            length, at = _varint(message, at)
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"damaged pagemap image: a field of unknown type {kind}")
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """An integer, seven bits in a byte, and where it ends."""
    value = shift = 0
    while at < len(message) and shift < 64:
        octet = message[at]
        value |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return value, at
    raise ValueError("damaged pagemap image: it ends inside a number")
