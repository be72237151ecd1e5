"""Small ELF cores made by hand, to place every field of them where a test wants it."""

import struct
from dataclasses import dataclass

from ghostswap.pages.layout import Dump

PAGE = 4096


@dataclass(frozen=True)
class Part:
    """One PT_LOAD segment: its bytes, and how much memory it stands for (default: those bytes)."""

    data: bytes
    memory_bytes: int | None = None
    address: int = 0x10000


def in_memory(content: bytes, page_size: int = PAGE) -> Dump:
    """A dump whose bytes are these."""
    return Dump(lambda at, length: content[at : at + length], len(content), page_size)


def elf_core(
    *parts: Part,
    gap: int = 0,
    e_type: int = 4,
    elf_class: int = 2,
    order: int = 1,
    xnum: bool = False,
) -> bytes:
    """A 64-bit core with `parts`; `gap` bytes before each part's data shift it off page bounds.

    With `xnum` the number of segments stands in section header 0, as when there are ≥ 65,535.
    """
    count = len(parts)
    offset = 64 + 56 * count + (64 if xnum else 0)
    headers, body = b"", b""
    for part in parts:
        body += b"\xee" * gap
        start = offset + len(body)
        memory = len(part.data) if part.memory_bytes is None else part.memory_bytes
        headers += struct.pack(
            "<IIQQQQQQ", 1, 6, start, part.address, 0, len(part.data), memory, PAGE
        )
        body += part.data
    ident = b"\x7fELF" + bytes([elf_class, order, 1]) + bytes(9)
    shoff = 64 + 56 * count if xnum else 0
    number = 0xFFFF if xnum else count
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, e_type, 62, 1, 0, 64, shoff, 0, 64, 56, number, 64, int(xnum), 0
    )
    section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0) if xnum else b""
    return header + headers + section + body
