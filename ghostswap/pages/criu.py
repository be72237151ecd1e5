"""The memory of a process in CRIU's images: pages-N.img holds pages and nothing else; pagemap-*.img
beside it tell whose they are, and which are in the images of an earlier dump.

Format: checkpoint-restore/criu, images/pagemap.proto and criu/include/magic.h; image files are two
magic numbers, then messages of Protocol Buffers, each behind its length in 4 bytes.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ghostswap.pages.layout import Extent, Layout
from ghostswap.pages.source import SourceKind

_PAGES_NAME = re.compile(r"pages-(\d+)\.img")
_COMMON_MAGIC, _PAGEMAP_MAGIC = 0x54564319, 0x56084025
_MAX_PAGEMAP_BYTES = 256 << 20

# pagemap_head and pagemap_entry: field numbers; and bits of `flags`
_PAGES_ID = 1
_NR_PAGES, _IN_PARENT, _FLAGS = 2, 3, 4
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
    if data[:8] != struct.pack("<II", _COMMON_MAGIC, _PAGEMAP_MAGIC):
        raise ValueError("is no pagemap image of CRIU")
    messages = _messages(data, 8)
    head = next(messages, {})
    present = in_parent = lazy = 0
    for entry in messages:
        pages, flags = entry.get(_NR_PAGES, 0), entry.get(_FLAGS)
        if flags is None:  # before CRIU 3.0
            flags = _PE_PARENT if entry.get(_IN_PARENT) else _PE_PRESENT
        if flags & _PE_PRESENT:
            present += pages
        elif flags & _PE_PARENT:
            in_parent += pages
        elif flags & _PE_LAZY:
            lazy += pages
    return Pagemap(head.get(_PAGES_ID, 0), present, in_parent, lazy)


def layout(pages: Path, page_size: int) -> Layout | None:
    """The layout of the file `pages`; None where its name is not of CRIU's, or where no pagemap
    beside it can be read, so that all there is to say is that it holds pages."""
    match = _PAGES_NAME.fullmatch(pages.name)
    if match is None:
        return None
    pagemaps = [found for found in _beside(pages) if found.pages_id == int(match[1])]
    present = sum(pagemap.present for pagemap in pagemaps)
    if present == 0:
        return None
    in_parent = sum(pagemap.in_parent for pagemap in pagemaps)
    lazy = sum(pagemap.lazy for pagemap in pagemaps)
    warnings = []
    if in_parent:
        warnings.append(
            f"{in_parent} of its pages are in the images of an earlier dump and not counted; "
            f"see {pages.parent / 'parent'}"
        )
    if lazy:
        warnings.append(f"{lazy} of its pages were left with a page server and are not counted")
    length, memory = present * page_size, (present + in_parent + lazy) * page_size
    return Layout(SourceKind.CRIU, [Extent(0, length, 0, memory)], tuple(warnings))


def _beside(pages: Path) -> Iterator[Pagemap]:
    for path in sorted(pages.parent.glob("pagemap-*.img")):
        try:
            if path.stat().st_size <= _MAX_PAGEMAP_BYTES:
                yield parse_pagemap(path.read_bytes())
        except (OSError, ValueError):
            continue  # another's, or damaged: it says nothing of these pages


def _messages(data: bytes, at: int) -> Iterator[dict[int, int]]:
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
    """The integers of a Protocol Buffers message by field number; other fields are passed by."""
    fields: dict[int, int] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            fields[key >> 3], at = _varint(message, at)
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
