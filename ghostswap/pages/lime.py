"""The physical memory in a LiME file, which LiME, LEMON and AVML (uncompressed) write: ranges, each
behind a header of 32 bytes.

Format: 504ensicsLabs/LiME, doc/README.md, "Memory Range Header Version 1"; the end address is the
range's last byte. Zero pages may be missing between ranges: AVML leaves out blocks of zeros.
"""

import struct
from collections.abc import Iterator

from ghostswap.pages.layout import MACHINE_WARNING, MOST_BYTES, Dump, Extent, Layout, ReadAt

_HEADER = struct.Struct("<IIQQQ")
_MAGIC = 0x4C694D45
_BEGINNING = struct.pack("<II", _MAGIC, 1)
HEADER_BYTES = _HEADER.size


def is_lime(dump: Dump) -> bool:
    """True when a dump is a LiME file."""
    return dump.read(0, len(_BEGINNING)) == _BEGINNING


def build_header(first: int, last: int) -> bytes:
    """The header of the range from address `first` to `last`, which is its last byte."""
    return _HEADER.pack(_MAGIC, 1, first, last, 0)


def layout(dump: Dump) -> Layout:
    """The ranges of a LiME file, found one by one as they are iterated over.

    Where a header is damaged, the ranges end with ValueError.
    """
    return Layout(_ranges(dump.read), (MACHINE_WARNING,))


def _ranges(read: ReadAt) -> Iterator[Extent]:
    offset = 0
    while header := read(offset, HEADER_BYTES):
        if len(header) < HEADER_BYTES:
            raise ValueError("truncated LiME file: it ends inside the header of a range")
        if not header.startswith(_BEGINNING):
            raise ValueError(f"damaged LiME file: no range begins at byte {offset}")
        _, _, first, last, _ = _HEADER.unpack(header)
        length = last - first + 1
        offset += HEADER_BYTES
        if length <= 0 or offset + length > MOST_BYTES:
            raise ValueError(f"damaged LiME file: a range from {first:#x} to {last:#x}")
        yield Extent(offset, length, length)
        offset += length
