"""Which parts of an ELF core hold memory: its PT_LOAD segments.

Layout: Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr in elf.h; how the kernel writes them: fs/binfmt_elf.c,
elf_core_dump() (v6.18).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.pages.layout import MACHINE_WARNING, MOST_BYTES, Dump, Extent, Layout, ReadAt
from ghostswap.pages.source import MAPPINGS, Mapping, SourceKind

U64 = NDArray[np.uint64]

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = np.dtype(
    [
        ("type", "<u4"),
        ("flags", "<u4"),
        ("offset", "<u8"),
        ("vaddr", "<u8"),
        ("paddr", "<u8"),
        ("filesz", "<u8"),
        ("memsz", "<u8"),
        ("align", "<u8"),
    ]
)
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
_MOST_OWNER_BYTES = 16  # of the owners that are looked for, each has less
_ROWS_AT_ONCE = 4096
# What vm.max_map_count is set to where many are wanted.
MAX_SEGMENTS = 1 << 20

# Owners of notes that only a dump of a whole machine has: QEMU's dump-guest-memory, and kdump.
_MACHINE_NOTES = {b"QEMU", b"VMCOREINFO"}


def is_core(dump: Dump) -> bool:
    """True when a dump is an ELF core in either class or byte order.

    Raw pages may begin with an ELF image (the first page of a mapped library), so the magic is not
    enough: e_type must be ET_CORE.
    """
    start = dump.read(0, HEADER_BYTES)
    if len(start) < HEADER_BYTES or start[:4] != b"\x7fELF":
        return False
    order = "little" if start[5] == _LITTLE_ENDIAN else "big"
    return int.from_bytes(start[16:18], order) == _ET_CORE  # type: ignore[arg-type]


def layout(dump: Dump) -> Layout:
    """The memory segments of a core, in the order of the file.

    Raises ValueError with the reason when its headers are damaged or of a kind that is not
    supported. Segments may reach beyond the file's end (a truncated core): the caller sees that.
    """
    machine, table = _program_headers(dump)
    notes = _Notes()
    left = _MAX_NOTE_BYTES  # to read, of all such segments together
    for segment in table[(table["type"] == _PT_NOTE) & (table["filesz"] > 0)]:
        if left and segment["offset"] < MOST_BYTES:
            note = dump.read(int(segment["offset"]), min(int(segment["filesz"]), left))
            left -= len(note)
            notes.take(note, machine)

    segments = _Segments.of(table, notes)
    if notes.of_machine:
        return Layout(segments.each_byte_once().extents(), (MACHINE_WARNING,), SourceKind.VMCORE)
    if segments.overlap():
        raise ValueError("damaged ELF core: its segments overlap in the file")
    return Layout(segments.extents())


def _program_headers(dump: Dump) -> tuple[int, NDArray[np.void]]:
    """e_machine, and the table of program headers."""
    header = _exactly(dump.read, 0, HEADER_BYTES, "ELF header")
    ident, _, machine, _, _, phoff, shoff, _, _, phentsize, phnum, _, _, _ = _HEADER.unpack(header)
    if ident[4] != _CLASS_64:
        raise ValueError("is a 32-bit ELF core; only 64-bit little-endian ones are supported")
    if ident[5] != _LITTLE_ENDIAN:
        raise ValueError("is a big-endian ELF core; only 64-bit little-endian ones are supported")
    if phnum == _PN_XNUM:
        phnum = _many_segments(dump.read, phoff, None if dump.size is None else shoff)
    if phnum == 0:
        raise ValueError("damaged ELF core: it has no segments")
    if phentsize != _PROGRAM_HEADER.itemsize:
        raise ValueError(f"damaged ELF core: program headers of {phentsize} bytes, not 56")
    if phnum > MAX_SEGMENTS:
        raise ValueError(f"claims {phnum} segments; up to {MAX_SEGMENTS} are read")
    if dump.size is not None and phoff + phnum * phentsize > dump.size:
        raise ValueError(f"truncated ELF core: it ends inside its {phnum} program headers")
    table = _exactly(dump.read, phoff, phnum * phentsize, "program headers")
    return machine, np.frombuffer(table, dtype=_PROGRAM_HEADER)


def _many_segments(read: ReadAt, phoff: int, shoff: int | None) -> int:
    """How many segments there are when e_phnum cannot hold the number.

    Section header 0 holds it, at the end of the file. Where that cannot be read yet, the notes
    tell: the kernel writes program headers, then what the first of them describes, the notes.
    """
    if shoff is not None:
        section = _exactly(read, shoff, _SECTION_HEADER.size, "section header with segment count")
        return int(_SECTION_HEADER.unpack(section)[7])
    size = _PROGRAM_HEADER.itemsize
    (first,) = np.frombuffer(_exactly(read, phoff, size, "program headers"), dtype=_PROGRAM_HEADER)
    count, rest = divmod(int(first["offset"]) - phoff, size)
    if first["type"] != _PT_NOTE or rest or count < _PN_XNUM:
        raise ValueError("tells the number of its segments at its end: write it to a file first")
    return count


def _exactly(read: ReadAt, offset: int, length: int, what: str) -> bytes:
    data = read(offset, length) if offset < 1 << 63 else b""
    if len(data) < length:
        raise ValueError(f"truncated ELF core: it ends inside its {what}")
    return data


@dataclass(frozen=True, slots=True)
class _Segments:
    """PT_LOAD segments as columns, in order of their offset in the file; bytes."""

    offset: U64
    file_bytes: U64
    memory_bytes: U64
    mapping: NDArray[np.uint8]

    @classmethod
    def of(cls, table: NDArray[np.void], notes: "_Notes") -> "_Segments":
        """The segments that these program headers describe; ValueError where that cannot be."""
        (loads,) = (table["type"] == _PT_LOAD).nonzero()
        if not len(loads):
            raise ValueError("holds no memory: no segment of type PT_LOAD")
        # By offset, of equals the largest first.
        loads = loads[np.lexsort((~table["filesz"][loads], table["offset"][loads]))]
        offset, file_bytes = table["offset"][loads], table["filesz"][loads]
        address, memory_bytes = table["vaddr"][loads], table["memsz"][loads]
        most, end = np.uint64(MOST_BYTES), address + memory_bytes  # an end of 2^64 is 0
        wrong = (offset >= most) | (file_bytes >= most) | ((end < address) & (end != 0))
        wrong |= offset + file_bytes > most
        if wrong.any():
            raise ValueError(
                f"damaged ELF core: a segment at {int(address[wrong][0]):#x} ends beyond 2^62 in "
                "the file, or 2^64 in memory"
            )
        return cls(offset, file_bytes, memory_bytes, notes.mappings(address, memory_bytes))

    def overlap(self) -> bool:
        """Whether a byte of the file is in two segments."""
        return bool((self._known_bytes() > 0).any())

    def each_byte_once(self) -> "_Segments":
        """Segments less what an earlier one has: a dump that QEMU took with paging names a byte
        once for every address that it was mapped at."""
        known = self._known_bytes()
        left = known < self.file_bytes
        left |= (known == 0) & (self.memory_bytes > 0)
        return _Segments(
            (self.offset + known)[left],
            (self.file_bytes - known)[left],
            (self.memory_bytes - np.minimum(known, self.memory_bytes))[left],
            self.mapping[left],
        )

    def _known_bytes(self) -> U64:
        """How many bytes at the beginning of each are in earlier segments too."""
        ends = np.maximum.accumulate(self.offset + self.file_bytes)
        before = np.zeros_like(ends)
        before[1:] = ends[:-1]
        reach = np.maximum(before, self.offset) - self.offset
        return np.minimum(reach, self.file_bytes)

    def extents(self) -> Iterator[Extent]:
        """One by one: objects for all of a million would take hundreds of MiB."""
        for at in range(0, len(self.offset), _ROWS_AT_ONCE):
            rows = slice(at, at + _ROWS_AT_ONCE)
            for offset, file_bytes, memory_bytes, mapping in zip(
                self.offset[rows].tolist(),
                self.file_bytes[rows].tolist(),
                self.memory_bytes[rows].tolist(),
                self.mapping[rows].tolist(),
                strict=True,
            ):
                yield Extent(offset, file_bytes, memory_bytes, MAPPINGS[mapping])


class _Notes:
    """What the notes of a core say of its mappings."""

    def __init__(self) -> None:
        self.of_machine = False
        self._files = _MappedFiles.of(b"")
        self._stack_pointers: list[int] = []

    def take(self, notes: bytes, machine: int) -> None:
        """Read a note segment; an unreadable note says nothing."""
        at = 0
        while at + _NOTE_HEADER.size <= len(notes):
            name_bytes, description_bytes, kind = _NOTE_HEADER.unpack_from(notes, at)
            at += _NOTE_HEADER.size
            if name_bytes <= _MOST_OWNER_BYTES:
                owner = notes[at : at + name_bytes].rstrip(b"\0")
                self.of_machine |= owner in _MACHINE_NOTES
            at += name_bytes + 3 & ~3
            place = _STACK_POINTER.get(machine)
            if kind == _NT_FILE:
                self._files = _MappedFiles.of(notes[at : at + description_bytes])
            elif kind == _NT_PRSTATUS and place is not None and description_bytes >= place + 8:
                pointer = notes[at + place : at + place + 8]
                self._stack_pointers.append(int.from_bytes(pointer, "little"))
            at += description_bytes + 3 & ~3

    def mappings(self, address: U64, memory_bytes: U64) -> NDArray[np.uint8]:
        """What segments were mapped as, as places in MAPPINGS; unknown in a core that names no
        files, as it names none of its mappings then."""
        files = self._files
        if not len(files.begin):
            return np.full(len(address), MAPPINGS.index(Mapping.UNKNOWN), dtype=np.uint8)
        kinds = np.full(len(address), MAPPINGS.index(Mapping.ANON), dtype=np.uint8)

        # brk(2)'s area lies above the program, at a distance that is random but bounded.
        end = files.program_end()
        near = (address > end) & (address - np.minimum(end, address) <= _BRK_DISTANCE)
        kinds[near] = MAPPINGS.index(Mapping.HEAP)

        pointers = np.array(sorted(self._stack_pointers), dtype=np.uint64)
        if len(pointers):
            at = pointers.searchsorted(address)
            above = pointers[np.minimum(at, len(pointers) - 1)]
            stack = (at < len(pointers)) & (above - np.minimum(address, above) < memory_bytes)
            kinds[stack] = MAPPINGS.index(Mapping.STACK)

        at = np.maximum(files.begin.searchsorted(address, side="right"), 1) - 1
        inside = (files.begin[at] <= address) & (address < files.end[at])
        kinds[inside] = MAPPINGS.index(Mapping.NAMED)
        kinds[inside & files.shared[at]] = MAPPINGS.index(Mapping.SHMEM)
        return kinds


@dataclass(frozen=True, slots=True)
class _MappedFiles:
    """The mappings of files that NT_FILE lists, as columns in order of address."""

    begin: U64
    end: U64
    shared: NDArray[np.bool_]  # shared memory, not a file
    program: NDArray[np.bool_]  # of the file that is mapped lowest, which is the program

    @classmethod
    def of(cls, description: bytes) -> "_MappedFiles":
        """Read the description of an NT_FILE note: fs/binfmt_elf.c, fill_files_note()."""
        count = int.from_bytes(description[:8], "little")
        count = min(count, max(len(description) - 16, 0) // 24)
        columns = np.frombuffer(description[16 : 16 + count * 24], dtype="<u8").reshape(-1, 3)
        names = description[16 + count * 24 :].split(b"\0", count)[:count]
        columns = columns[: len(names)]
        order = columns[:, 0].argsort(kind="stable")
        lowest = names[order[0]] if len(order) else b""
        shared = np.array([name.startswith(_SHMEM_NAMES) for name in names], dtype=np.bool_)
        program = np.array([name == lowest for name in names], dtype=np.bool_)
        return cls(columns[order, 0], columns[order, 1], shared[order], program[order])

    def program_end(self) -> np.uint64:
        """Where the program's own mappings end."""
        return np.uint64(self.end[self.program].max(initial=np.uint64(0)))
