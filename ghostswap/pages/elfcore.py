"""Which parts of an ELF core hold memory: its PT_LOAD segments.

Layout: Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr in elf.h; how the kernel writes them: fs/binfmt_elf.c,
elf_core_dump() (v6.18).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from ghostswap.pages.source import Mapping

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_NOTE_HEADER = struct.Struct("<III")

HEADER_BYTES = _HEADER.size
_CLASS_64, _LITTLE_ENDIAN = 2, 1
_ET_CORE = 4
_PT_LOAD, _PT_NOTE = 1, 4
_PN_XNUM = 0xFFFF
_NT_FILE = 0x46494C45
_MAX_NOTE_BYTES = 64 << 20

ReadAt = Callable[[int, int], bytes]  # (offset, length) → at most length bytes


@dataclass(frozen=True, slots=True)
class Load:
    """One PT_LOAD segment; sizes and offsets in bytes.

    `memory_bytes` beyond `file_bytes` were left out of the dump: they may have held anything.
    """

    offset: int
    file_bytes: int
    address: int
    memory_bytes: int
    mapping: Mapping


@dataclass(frozen=True, slots=True)
class Core:
    """The memory segments of a core, in the order of its program headers."""

    loads: tuple[Load, ...]


def is_core(start: bytes) -> bool:
    """True when a file that begins with `start` is an ELF core in either class or byte order.

    Raw pages may begin with an ELF image (the first page of a mapped library), so the magic is not
    enough: e_type must be ET_CORE.
    """
    if len(start) < HEADER_BYTES or start[:4] != b"\x7fELF":
        return False
    order = "little" if start[5] == _LITTLE_ENDIAN else "big"
    return int.from_bytes(start[16:18], order) == _ET_CORE  # type: ignore[arg-type]


def parse(read: ReadAt, size: int) -> Core:
    """The memory segments of the core of `size` bytes that `read` reads.

    Raises ValueError with the reason when its headers are damaged or of a kind that is not
    supported. Segments may reach beyond `size` (a truncated core): the caller sees that.
    """
    header = _exactly(read, 0, HEADER_BYTES, "ELF header")
    ident, _, _, _, _, phoff, shoff, _, _, phentsize, phnum, _, _, _ = _HEADER.unpack(header)
    if ident[4] != _CLASS_64:
        raise ValueError("is a 32-bit ELF core; only 64-bit little-endian ones are supported")
    if ident[5] != _LITTLE_ENDIAN:
        raise ValueError("is a big-endian ELF core; only 64-bit little-endian ones are supported")
    if phnum == _PN_XNUM:
        section = _exactly(read, shoff, _SECTION_HEADER.size, "section header with segment count")
        phnum = _SECTION_HEADER.unpack(section)[7]
    if phnum == 0:
        raise ValueError("damaged ELF core: it has no segments")
    if phentsize != _PROGRAM_HEADER.size:
        raise ValueError(f"damaged ELF core: program headers of {phentsize} bytes, not 56")
    if phoff + phnum * phentsize > size:
        raise ValueError(f"truncated ELF core: it ends inside its {phnum} program headers")
    table = _exactly(read, phoff, phnum * phentsize, "program headers")

    loads: list[tuple[int, int, int, int]] = []
    named: list[tuple[int, int]] = []
    for kind, _, offset, address, _, file_bytes, memory_bytes, _ in _PROGRAM_HEADER.iter_unpack(
        table
    ):
        if kind == _PT_LOAD:
            if offset + file_bytes >= 1 << 63 or address + memory_bytes > 1 << 64:
                raise ValueError(f"damaged ELF core: a segment at {address:#x} ends beyond 2^63")
            loads.append((offset, file_bytes, address, memory_bytes))
        elif kind == _PT_NOTE and file_bytes <= _MAX_NOTE_BYTES:
            named += _file_mappings(read(offset, file_bytes))
    if not loads:
        raise ValueError("holds no memory: no segment of type PT_LOAD")
    if sum(load[1] for load in loads) > max(size, max(load[0] + load[1] for load in loads)):
        raise ValueError("damaged ELF core: its segments overlap in the file")
    starts = {start for start, _ in named}
    return Core(tuple(Load(*load, _mapping(load[2], starts)) for load in loads))


def _exactly(read: ReadAt, offset: int, length: int, what: str) -> bytes:
    data = read(offset, length) if offset < 1 << 63 else b""
    if len(data) < length:
        raise ValueError(f"truncated ELF core: it ends inside its {what}")
    return data


def _mapping(address: int, named: set[int]) -> Mapping:
    """What NT_FILE tells: a segment that begins where a file was mapped holds that file's pages."""
    return Mapping.NAMED if address in named else Mapping.UNKNOWN


def _file_mappings(notes: bytes) -> list[tuple[int, int]]:
    """Address ranges that NT_FILE lists; an unreadable note says nothing and loses nothing."""
    at = 0
    while at + _NOTE_HEADER.size <= len(notes):
        name_bytes, description_bytes, kind = _NOTE_HEADER.unpack_from(notes, at)
        start = at + _NOTE_HEADER.size + (name_bytes + 3 & ~3)
        if kind == _NT_FILE and start + 16 <= len(notes):
            (count,) = struct.unpack_from("<Q", notes, start)
            count = min(count, (min(description_bytes, len(notes) - start) - 16) // 24)
            ranges = struct.iter_unpack("<QQQ", notes[start + 16 : start + 16 + max(count, 0) * 24])
            return [(begin, end) for begin, end, _ in ranges]
        at = start + (description_bytes + 3 & ~3)
    return []
