"""Whatever bytes are named as a dump: they are read as far as they go, or refused in one line."""

import ctypes
import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import GhostswapError
from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Source
from ghostswap.swapfile.header import NATIVE, Header, build
from tests.cores import PAGE, Part, elf_core
from tests.unit.test_lime import avml, lime
from tests.unit.test_streams import all_pages

_SWAP = Header(1, 9, 2, (3, 7), bytes(16), bytes(16), PAGE, NATIVE)
_WHOLE = [
    elf_core(Part(b"1" * PAGE * 3), Part(b"2" * 100, memory_bytes=PAGE * 4), gap=7),
    elf_core(Part(b"1" * PAGE), Part(b"2" * PAGE), xnum=True),
    lime([(0, b"a" * PAGE), (1 << 20, b"b" * 3 * PAGE)]),
    avml([(0, b"a" * PAGE), (1 << 20, b"b" * 3 * PAGE)]),
    build(_SWAP) + b"slot" * PAGE * 2,
    b"KDUMP   ".ljust(PAGE, b"\0"),
    bytes(3 * PAGE),
    gzip.compress(elf_core(Part(b"1" * PAGE * 3))),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A dump with some of its bytes changed, most of them where its headers are, then cut."""
    content = bytearray(draw(st.sampled_from(_WHOLE)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, min(len(content), 300) - 1) | st.integers(0, len(content) - 1))
        value = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
        content[at] = value
    if draw(st.booleans()):
        at = draw(st.integers(0, max(min(len(content), 400) - 8, 0)))
        number = draw(st.sampled_from([0, 1, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]))
        struct.pack_into("<Q", content, at, number)
    return bytes(content[: draw(st.none() | st.integers(0, len(content)))])


def pages_of(folder: Path, content: bytes) -> int | None:
    """How many pages a dump gives when it is read to its end; None where it is refused."""
    path = folder / "dump"
    path.write_bytes(content)
    try:
        source = open_dump(path, PAGE)
    except GhostswapError:
        return None
    if not isinstance(source, Source):
        return len(all_pages(source)[0]) // PAGE
    readable = np.zeros(0, dtype=np.bool_)
    buffer = memoryview(bytearray(16 * PAGE))
    reader = source.open()
    for first in range(0, min(source.runs.pages, 1000), 16):
        count = min(16, source.runs.pages - first)
        readable = np.concatenate([readable, reader.read(first, count, buffer[: count * PAGE])])
    return int(np.count_nonzero(readable))


@given(damaged())
def test_a_damaged_dump_is_read_as_far_as_it_goes_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pages = pages_of(Path(folder), content)
    assert pages is None or pages <= -(-len(content) // PAGE) * 8


@given(damaged())
def test_a_damaged_dump_in_a_stream_is_read_as_far_as_it_goes_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pages = pages_of(Path(folder), gzip.compress(content, compresslevel=1))
    assert pages is None or pages <= -(-len(content) // PAGE) * 8


@given(
    data=st.data(),
    gap=st.integers(0, 3 * PAGE),
    lengths=st.lists(st.integers(0, 9 * PAGE), min_size=1, max_size=4),
)
def test_holes_of_a_file_change_no_page(data: st.DataObject, gap: int, lengths: list[int]) -> None:
    """A dump with holes wherever they may be gives the pages of the same dump without holes."""
    content = bytearray(elf_core(*[Part(b"x" * length) for length in lengths], gap=gap))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dump")
        path.write_bytes(content)
        with path.open("r+b") as file:
            for _ in range(data.draw(st.integers(1, 3))):
                first = data.draw(st.integers(1, max(len(content) // PAGE, 1)))
                last = data.draw(st.integers(first, first + 4))
                content[first * PAGE : last * PAGE] = bytes(
                    len(content[first * PAGE : last * PAGE])
                )
                fallocate(file.fileno(), 1 | 2, first * PAGE, (last - first) * PAGE)
        assert path.read_bytes() == content
        sparse, holes = sorted_pages(path)
        path.unlink()
        path.write_bytes(content)
        dense, _ = sorted_pages(path)
    assert sorted([*sparse, *[bytes(PAGE)] * holes]) == dense


def sorted_pages(path: Path) -> tuple[list[bytes], int]:
    """The pages of a core that can be read, in no order, and how many holes it has; what its
    segments tell adds up to both."""
    source = open_dump(path, PAGE)
    assert isinstance(source, Source)
    buffer = memoryview(bytearray(source.runs.pages * PAGE))
    reader = source.open()
    assert reader.read(0, source.runs.pages, buffer).all()
    reader.close()
    assert sum(segment.pages for segment in source.segments) == source.runs.pages
    assert sum(segment.holes for segment in source.segments) == source.facts.holes
    pages = [bytes(buffer[at : at + PAGE]) for at in range(0, len(buffer), PAGE)]
    return sorted(pages), source.facts.holes


def fallocate(fd: int, mode: int, offset: int, length: int) -> None:
    """fallocate(2); mode 3 makes a hole (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)."""
    if length:
        arguments = (ctypes.c_long(offset), ctypes.c_long(length))
        assert ctypes.CDLL(None).fallocate(fd, mode, *arguments) == 0
