"""Which parts of an ELF core hold memory: its PT_LOAD segments.

Layout: Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr in elf.h; how the kernel writes them: fs/binfmt_elf.c,
elf_core_dump() (v6.18).
"""

import struct
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

from ghostswap.pages.layout import MACHINE_WARNING, Extent, Layout, ReadAt
from ghostswap.pages.source import Mapping, SourceKind

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_NOTE_HEADER = struct.Struct("<III")

HEADER_BYTES = _HEADER.size
_CLASS_64, _LITTLE_ENDIAN = 2, 1
_ET_CORE = 4
_PT_LOAD, _PT_NOTE = 1, 4
_PN_XNUM = 0xFFFF
_NT_PRSTATUS = 1
# Where struct elf_prstatus holds the stack pointer, by e_machine: x86-64, AArch64.
_STACK_POINTER = {62: 264, 183: 360}
_SHMEM_NAMES = (b"/dev/zero", b"/dev/shm/", b"/SYSV", b"/memfd:")
# arch_randomize_brk() puts the heap up to 32 MiB (x86) or 1 GiB (AArch64) above the program.
_BRK_DISTANCE = 1 << 30
_NT_FILE = 0x46494C45
# The kernel writes NT_FILE among the first notes, of at most 16 MiB (core_file_note_size_limit).
_MAX_NOTE_BYTES = 16 << 20
# What vm.max_map_count is set to where many are wanted; each takes some 500 bytes here.
MAX_SEGMENTS = 1 << 20

# Owners of notes that only a dump of a whole machine has: QEMU's dump-guest-memory, and kdump.
_MACHINE_NOTES = {b"QEMU", b"VMCOREINFO"}


def is_core(start: bytes) -> bool:
    """True when a file that begins with `start` is an ELF core in either class or byte order.

    Raw pages may begin with an ELF image (the first page of a mapped library), so the magic is not
    enough: e_type must be ET_CORE.
    """
    if len(start) < HEADER_BYTES or start[:4] != b"\x7fELF":
        return False
    order = "little" if start[5] == _LITTLE_ENDIAN else "big"
    return int.from_bytes(start[16:18], order) == _ET_CORE  # type: ignore[arg-type]


def parse(read: ReadAt, size: int | None) -> Layout:
    """The memory segments of the core of `size` bytes that `read` reads, in the order of the file;
    `size` is None where only its beginning can be read yet.

    Raises ValueError with the reason when its headers are damaged or of a kind that is not
    supported. Segments may reach beyond `size` (a truncated core): the caller sees that.
    """
    header = _exactly(read, 0, HEADER_BYTES, "ELF header")
    ident, _, machine, _, _, phoff, shoff, _, _, phentsize, phnum, _, _, _ = _HEADER.unpack(header)
    if ident[4] != _CLASS_64:
        raise ValueError("is a 32-bit ELF core; only 64-bit little-endian ones are supported")
    if ident[5] != _LITTLE_ENDIAN:
        raise ValueError("is a big-endian ELF core; only 64-bit little-endian ones are supported")
    if phnum == _PN_XNUM:
        phnum = _many_segments(read, phoff, None if size is None else shoff)
    if phnum == 0:
        raise ValueError("damaged ELF core: it has no segments")
    if phentsize != _PROGRAM_HEADER.size:
        raise ValueError(f"damaged ELF core: program headers of {phentsize} bytes, not 56")
    if phnum > MAX_SEGMENTS:
        raise ValueError(f"claims {phnum} segments; up to {MAX_SEGMENTS} are read")
    if size is not None and phoff + phnum * phentsize > size:
        raise ValueError(f"truncated ELF core: it ends inside its {phnum} program headers")
    table = _exactly(read, phoff, phnum * phentsize, "program headers")

    loads: list[tuple[int, int, int, int]] = []
    notes = _Notes()
    note_bytes = _MAX_NOTE_BYTES  # left to read, of all such segments together
    for kind, _, offset, address, _, file_bytes, memory_bytes, _ in _PROGRAM_HEADER.iter_unpack(
        table
    ):
        if kind == _PT_LOAD:
            if offset + file_bytes >= 1 << 63 or address + memory_bytes > 1 << 64:
                raise ValueError(f"damaged ELF core: a segment at {address:#x} ends beyond 2^63")
            loads.append((offset, file_bytes, address, memory_bytes))
        elif kind == _PT_NOTE and note_bytes and offset < 1 << 62:
            found = read(offset, min(file_bytes, note_bytes))
            note_bytes -= len(found)
            notes.take(found, machine)
    if not loads:
        raise ValueError("holds no memory: no segment of type PT_LOAD")
    extents = [Extent(*load, notes.mapping(load[2], load[3])) for load in loads]
    extents.sort(key=lambda extent: (extent.offset, -extent.file_bytes))
    if notes.owners & _MACHINE_NOTES:
        return Layout(SourceKind.VMCORE, _each_byte_once(extents), (MACHINE_WARNING,))
    end = max(extent.offset + extent.file_bytes for extent in extents)
    if sum(extent.file_bytes for extent in extents) > max(size or 0, end):
        raise ValueError("damaged ELF core: its segments overlap in the file")
    return Layout(SourceKind.CORE, extents)


def _many_segments(read: ReadAt, phoff: int, shoff: int | None) -> int:
    """How many segments there are when e_phnum cannot hold the number.

    Section header 0 holds it, at the end of the file. Where that cannot be read yet, the notes
    tell: the kernel writes program headers, then what the first of them describes, the notes.
    """
    if shoff is not None:
        section = _exactly(read, shoff, _SECTION_HEADER.size, "section header with segment count")
        return int(_SECTION_HEADER.unpack(section)[7])
    first = _exactly(read, phoff, _PROGRAM_HEADER.size, "program headers")
    kind, _, notes, *_ = _PROGRAM_HEADER.unpack(first)
    count, rest = divmod(notes - phoff, _PROGRAM_HEADER.size)
    if kind != _PT_NOTE or rest or count < _PN_XNUM:
        raise ValueError("tells the number of its segments at its end: write it to a file first")
    return int(count)


def _each_byte_once(extents: list[Extent]) -> list[Extent]:
    """Extents in order of offset, less what an earlier one has: a dump that QEMU took with paging
    names a byte once for every address that it was mapped at."""
    kept: list[Extent] = []
    end = 0
    for extent in extents:
        known = min(max(end - extent.offset, 0), extent.file_bytes)
        if known < extent.file_bytes or (not known and extent.memory_bytes):
            kept.append(
                Extent(
                    extent.offset + known,
                    extent.file_bytes - known,
                    extent.address + known,
                    extent.memory_bytes - known,
                    extent.mapping,
                )
            )
        end = max(end, extent.offset + extent.file_bytes)
    return kept


def _exactly(read: ReadAt, offset: int, length: int, what: str) -> bytes:
    data = read(offset, length) if offset < 1 << 63 else b""
    if len(data) < length:
        raise ValueError(f"truncated ELF core: it ends inside its {what}")
    return data


class _Notes:
    """What the notes of a core say of its mappings."""

    def __init__(self) -> None:
        self.owners: set[bytes] = set()
        self._files: list[_MappedFile] = []
        self._stack_pointers: list[int] = []
        self._program_end = 0  # the lowest mapping is the program's own

    def take(self, notes: bytes, machine: int) -> None:
        """Read a note segment; an unreadable note says nothing."""
        at = 0
        while at + _NOTE_HEADER.size <= len(notes):
            name_bytes, description_bytes, kind = _NOTE_HEADER.unpack_from(notes, at)
            at += _NOTE_HEADER.size
            self.owners.add(notes[at : at + name_bytes].rstrip(b"\0"))
            at += name_bytes + 3 & ~3
            description = notes[at : at + description_bytes]
            at += description_bytes + 3 & ~3
            place = _STACK_POINTER.get(machine)
            if kind == _NT_FILE:
                self._files = sorted(_mapped_files(description), key=lambda file: file.begin)
                program = next((file.name for file in self._files), b"")
                ends = (file.end for file in self._files if file.name == program)
                self._program_end = max(ends, default=0)
            elif kind == _NT_PRSTATUS and place is not None and len(description) >= place + 8:
                pointer = int.from_bytes(description[place : place + 8], "little")
                insort(self._stack_pointers, pointer)

    def mapping(self, address: int, memory_bytes: int) -> Mapping:
        """What a segment was mapped as; unknown in a core that names no files, as it names none of
        its mappings then."""
        if not self._files:
            return Mapping.UNKNOWN
        at = bisect_right(self._files, address, key=lambda file: file.begin) - 1
        if at >= 0 and address < self._files[at].end:
            shared = self._files[at].name.startswith(_SHMEM_NAMES)
            return Mapping.SHMEM if shared else Mapping.NAMED
        at = bisect_left(self._stack_pointers, address)
        if at < len(self._stack_pointers) and self._stack_pointers[at] < address + memory_bytes:
            return Mapping.STACK
        # brk(2)'s area lies above the program, at a distance that is random but bounded.
        near = self._program_end < address <= self._program_end + _BRK_DISTANCE
        return Mapping.HEAP if near else Mapping.ANON


@dataclass(frozen=True, slots=True)
class _MappedFile:
    begin: int
    end: int
    name: bytes


def _mapped_files(description: bytes) -> list[_MappedFile]:
    """The mappings of files that NT_FILE lists: fs/binfmt_elf.c, fill_files_note()."""
    if len(description) < 16:
        return []
    (count,) = struct.unpack_from("<Q", description)
    count = min(count, (len(description) - 16) // 24)
    names = description[16 + count * 24 :].split(b"\0", count)
    ranges = struct.iter_unpack("<QQQ", description[16 : 16 + count * 24])
    return [
        _MappedFile(begin, end, name) for (begin, end, _), name in zip(ranges, names, strict=False)
    ]
