"""LiME and AVML files: what is in them, cut short, damaged, and through a pipe."""

import os
import struct
from pathlib import Path

import cramjam
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.pages.avml import AvmlAsLime
from ghostswap.pages.compressed import DamageError
from ghostswap.pages.dump import open_dump
from ghostswap.pages.forward import Forward
from ghostswap.pages.source import Facts, Source, SourceKind
from tests.cores import PAGE
from tests.unit.test_streams import Dribble, all_pages

Ranges = list[tuple[int, bytes]]  # first address, content


def lime(ranges: Ranges) -> bytes:
    return b"".join(
        struct.pack("<IIQQQ", 0x4C694D45, 1, start, start + len(data) - 1, 0) + data
        for start, data in ranges
    )


def avml(ranges: Ranges) -> bytes:
    """As AVML writes it: a Snappy stream a range, then the length of that stream."""
    parts = []
    for start, data in ranges:
        packed = bytes(cramjam.snappy.compress(data))
        header = struct.pack("<IIQQQ", 0x4C4D5641, 2, start, start + len(data) - 1, 0)
        parts += [header, packed, struct.pack("<Q", len(packed))]
    return b"".join(parts)


def pages_in(path: Path, content: bytes) -> tuple[bytes, Facts]:
    """The pages of a dump, however it is read, and what it says of itself."""
    path.write_bytes(content)
    source = open_dump(path, PAGE)
    if not isinstance(source, Source):
        return all_pages(source)
    buffer = memoryview(bytearray(source.runs.pages * PAGE))
    assert source.open().read(0, source.runs.pages, buffer).all()
    return bytes(buffer), source.facts


MEMORY: Ranges = [(0x1000, os.urandom(3 * PAGE)), (0x100000, bytes(PAGE) + os.urandom(80 * PAGE))]
CONTENT = b"".join(data for _, data in MEMORY)


def test_all_ranges_of_a_lime_file_are_read(tmp_path: Path) -> None:
    pages, facts = pages_in(tmp_path / "dump", lime(MEMORY))
    assert pages == CONTENT
    assert (facts.kind, facts.incomplete) == (SourceKind.LIME, False)
    assert "whole machine" in facts.warnings[0]


def test_a_compressed_lime_file_is_read(tmp_path: Path) -> None:
    pages, facts = pages_in(tmp_path / "dump", zstandard.compress(lime(MEMORY)))
    assert pages == CONTENT
    assert (facts.kind, facts.incomplete) == (SourceKind.LIME, False)


def test_an_avml_file_is_unpacked(tmp_path: Path) -> None:
    pages, facts = pages_in(tmp_path / "dump", avml(MEMORY))
    assert pages == CONTENT
    assert (facts.kind, facts.incomplete) == (SourceKind.AVML, False)


@pytest.mark.parametrize("write", [lime, avml])
def test_a_cut_file_gives_what_it_has_and_says_so(tmp_path: Path, write: object) -> None:
    assert callable(write)
    whole = write(MEMORY)
    pages, facts = pages_in(tmp_path / "dump", whole[: len(whole) // 2])
    assert facts.incomplete
    assert "truncated" in facts.warnings[-1]
    assert 3 * PAGE < len(pages) < len(CONTENT)
    assert CONTENT.startswith(pages)


@pytest.mark.parametrize("write", [lime, avml])
def test_a_file_with_junk_behind_a_range_is_read_up_to_it(tmp_path: Path, write: object) -> None:
    assert callable(write)
    pages, facts = pages_in(tmp_path / "dump", write(MEMORY) + b"junk" * 20)
    assert pages == CONTENT
    assert facts.incomplete
    assert "damaged" in facts.warnings[-1]


def test_a_range_that_ends_before_it_begins_is_damage(tmp_path: Path) -> None:
    bad = struct.pack("<IIQQQ", 0x4C694D45, 1, 0x9000, 0x1000, 0)
    pages, facts = pages_in(tmp_path / "dump", lime(MEMORY) + bad)
    assert pages == CONTENT
    assert facts.incomplete


def unpacked(content: bytes) -> bytes:
    stream, out = AvmlAsLime(Forward(Dribble(content))), bytearray()
    buffer = memoryview(bytearray(5000))
    while got := stream.readinto(buffer):
        out += buffer[:got]
    return bytes(out)


@given(
    st.lists(
        st.tuples(st.integers(0, 1 << 40), st.binary(min_size=1, max_size=200_000)), max_size=3
    )
)
def test_avml_unpacks_to_the_lime_file_of_the_same_memory(ranges: Ranges) -> None:
    assert unpacked(avml(ranges)) == lime(ranges)


@given(data=st.data())
def test_a_damaged_avml_file_ends_in_damage_and_nothing_else(data: st.DataObject) -> None:
    memory = b"memory " * 2000
    content = bytearray(avml([(0, memory)]))
    at = data.draw(st.integers(0, len(content) - 9))  # the length behind a stream is not used
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        out = unpacked(bytes(content))
    except DamageError:
        return
    assert out[32:] == memory  # an address may be wrong without being noticed, a page may not
