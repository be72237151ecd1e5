"""Cores as people have them: odd offsets, parts left out, cut short, damaged."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import GhostswapError
from ghostswap.pages import elfcore
from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Source, SourceKind
from tests.cores import PAGE, Part, elf_core, in_memory


def opened(folder: Path, content: bytes) -> Source:
    path = folder / "dump"
    path.write_bytes(content)
    source = open_dump(path, PAGE)
    assert isinstance(source, Source)
    return source


def pages_of(source: Source) -> bytes:
    buffer = memoryview(bytearray(source.runs.pages * PAGE))
    assert source.open().read(0, source.runs.pages, buffer).all()
    return bytes(buffer)


def test_pages_are_found_where_segments_are_not_page_aligned_in_the_file(tmp_path: Path) -> None:
    one, two = b"1" * PAGE * 2, b"2" * PAGE
    source = opened(tmp_path, elf_core(Part(one), Part(two), gap=13))
    assert source.facts.kind is SourceKind.CORE
    assert pages_of(source) == one + two


def test_a_segment_that_ends_inside_a_page_is_padded_with_zeros(tmp_path: Path) -> None:
    source = opened(tmp_path, elf_core(Part(b"x" * (PAGE + 5)), Part(b"y" * PAGE)))
    assert pages_of(source) == b"x" * (PAGE + 5) + bytes(PAGE - 5) + b"y" * PAGE
    assert source.facts.absent == 0


def test_memory_left_out_of_the_core_is_absent_and_not_zero(tmp_path: Path) -> None:
    source = opened(tmp_path, elf_core(Part(b"x" * PAGE, memory_bytes=10 * PAGE), Part(b"")))
    assert (source.runs.pages, source.facts.absent) == (1, 9)


def test_the_number_of_segments_is_read_from_the_section_header_when_it_is_too_large(
    tmp_path: Path,
) -> None:
    source = opened(tmp_path, elf_core(Part(b"1" * PAGE), Part(b"2" * PAGE), xnum=True))
    assert pages_of(source) == b"1" * PAGE + b"2" * PAGE


def test_a_core_of_70000_segments_is_read(tmp_path: Path) -> None:
    source = opened(tmp_path, elf_core(*[Part(b"z" * 8)] * 70000, xnum=True))
    assert source.runs.pages == 70000


def test_a_truncated_core_tells_what_is_missing(tmp_path: Path) -> None:
    whole = elf_core(Part(b"1" * PAGE * 4))
    source = opened(tmp_path, whole[: -PAGE - 100])
    assert source.runs.pages == 2
    assert source.facts.unreadable == 2
    assert source.facts.incomplete
    assert f"{PAGE + 100} bytes" in source.facts.warnings[0]


def test_raw_pages_that_begin_with_a_program_are_no_core(tmp_path: Path) -> None:
    image = elf_core(Part(b""), e_type=3).ljust(PAGE, b"\0")
    assert opened(tmp_path, image).facts.kind is SourceKind.RAW


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"just text\n", "neither an ELF core nor a raw dump"),
        (elf_core(Part(b"1" * PAGE), elf_class=1), "32-bit"),
        (elf_core(Part(b"1" * PAGE))[:100], "ends inside its 1 program headers"),
        (elf_core(), "has no segments"),
        (elf_core(Part(b"1" * PAGE), xnum=True)[:150], "section header"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(GhostswapError, match=reason):
        opened(tmp_path, content)


def test_segments_that_claim_the_same_bytes_again_and_again_are_refused() -> None:
    header, part = elf_core(Part(b"1" * PAGE))[:64], elf_core(Part(b"1" * PAGE))[64:120]
    looped = header[:56] + (1000).to_bytes(2, "little") + header[58:] + part * 1000
    with pytest.raises(ValueError, match="overlap"):
        elfcore.layout(in_memory(looped))


def test_two_segments_over_the_same_page_are_refused_however_large_the_file(
    tmp_path: Path,
) -> None:
    core = bytearray(elf_core(Part(b"1" * 2 * PAGE), Part(b"2" * PAGE)))
    (first,) = struct.unpack_from("<Q", core, 64 + 8)
    struct.pack_into("<Q", core, 64 + 56 + 8, first + PAGE)  # p_offset of the second
    with pytest.raises(GhostswapError, match="overlap"):
        opened(tmp_path, bytes(core) + bytes(1 << 20))


@given(st.binary(max_size=300), st.binary(max_size=200))
def test_damaged_headers_never_raise_anything_but_a_reason(head: bytes, tail: bytes) -> None:
    good = elf_core(Part(b"1" * PAGE), Part(b"2" * 10, memory_bytes=PAGE))
    content = head + good[len(head) :] + tail
    _parsed_or_refused(content)


@given(st.integers(18, 63), st.binary(min_size=1, max_size=12))
def test_a_damaged_field_never_raises_anything_but_a_reason(at: int, value: bytes) -> None:
    good = elf_core(Part(b"1" * PAGE), Part(b"2" * 10, memory_bytes=PAGE))
    _parsed_or_refused(good[:at] + value + good[at + len(value) :])


def _parsed_or_refused(content: bytes) -> None:
    try:
        layout = elfcore.layout(in_memory(content))
    except ValueError:
        return
    assert list(layout.extents)
