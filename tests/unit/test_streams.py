"""Dumps that come once: through each compressor, cut short, damaged, far too large."""

import bz2
import gzip
import io
import lzma
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import GhostswapError
from ghostswap.pages import compressed
from ghostswap.pages.compressed import Compression, DamageError, decompressed
from ghostswap.pages.dump import Reading, open_dump
from ghostswap.pages.forward import Forward
from ghostswap.pages.source import Facts, SourceKind, Stream
from tests.cores import PAGE, Part, elf_core, in_memory

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": zstandard.ZstdCompressor().compress,
    "zstd with checksum, without size": zstandard.ZstdCompressor(
        write_checksum=True, write_content_size=False
    ).compress,
    "lz4": lz4.frame.compress,
}
each_compressor = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)


class Dribble:
    """Bytes that come a few at a time, as from a pipe."""

    def __init__(self, data: bytes, at_once: int = 1000) -> None:
        self._data, self._at_once = io.BytesIO(data), at_once

    def readinto(self, into: memoryview) -> int:
        return self._data.readinto(into[: self._at_once])


def unpacked(packed: bytes, at_once: int = 1000) -> tuple[bytes, str | None]:
    """All that comes out of a compressed file, and why it ended where that is damage."""
    compression = Compression.of(in_memory(packed).read)
    assert compression is not None
    stream = decompressed(Dribble(packed, at_once), compression)
    out, buffer = bytearray(), memoryview(bytearray(10_000))
    try:
        while got := stream.readinto(buffer):
            out += buffer[:got]
    except DamageError as damage:
        return bytes(out), str(damage)
    return bytes(out), None


def mixed(pages: int = 40) -> bytes:
    return b"".join(os.urandom(PAGE) if page % 3 else bytes(PAGE) for page in range(pages))


def all_pages(stream: Stream, room: int = 7) -> tuple[bytes, Facts]:
    """Every page of a stream, and its facts once it has ended."""
    out, buffer = bytearray(), memoryview(bytearray(room * PAGE))
    while pages := stream.fill(buffer):
        out += buffer[: pages * PAGE]
    return bytes(out), stream.facts


def opened(folder: Path, content: bytes, reading: Reading | None = None) -> Stream:
    path = folder / "dump"
    path.write_bytes(content)
    source = open_dump(path, PAGE, reading)
    assert isinstance(source, Stream)
    return source


@each_compressor
def test_a_dump_unpacks_to_what_was_compressed(compress: Callable[[bytes], bytes]) -> None:
    data = mixed()
    assert unpacked(compress(data)) == (data, None)


@each_compressor
def test_files_put_one_behind_the_other_unpack_as_one(compress: Callable[[bytes], bytes]) -> None:
    one, two = mixed(), mixed(3)
    assert unpacked(compress(one) + compress(two)) == (one + two, None)


@pytest.mark.parametrize("name", ["zstd", "lz4"])
@pytest.mark.parametrize("skipped", [1, 16 - 1])
def test_frames_to_be_skipped_may_come_first(name: str, skipped: int) -> None:
    """pzstd writes one before its data; the magic number does not tell zstd from lz4."""
    frame = struct.pack("<II", 0x184D2A5E, 9) + b"the sizes"
    data = mixed()
    assert unpacked(frame * skipped + COMPRESSORS[name](data)) == (data, None)


def test_frames_to_be_skipped_before_nothing_are_no_compressed_file(tmp_path: Path) -> None:
    frame = struct.pack("<II", 0x184D2A50, 8) + bytes(8)
    for content in (frame, frame * 256, frame + gzip.compress(b"x"), frame[:6]):
        assert Compression.of(in_memory(content).read) is None
    path = tmp_path / "dump"
    path.write_bytes(frame * 256)  # one page
    assert open_dump(path, PAGE).facts.kind is SourceKind.RAW


def empty_blocks(mebibytes: int) -> bytes:
    """A Zstandard frame of one byte, then of blocks of no bytes, 3 bytes each; without its end."""
    one = b"\x08\0\0x"
    return Compression.ZSTD.value + b"\0\x50" + one + bytes(mebibytes << 20)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"x") + bytes(3 << 20),
        lz4.frame.compress(b"x") + bytes(3 << 20),
        gzip.compress(b"x") + gzip.compress(b"") * 100_000,
        empty_blocks(3),
    ],
    ids=["padded gzip", "padded lz4", "empty members", "empty blocks"],
)
def test_bytes_that_unpack_to_nothing_are_read_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """Else a sparse file, whose zeros cost nothing, would take hours."""
    monkeypatch.setattr(compressed, "FREE_BARREN_BYTES", 1 << 20)
    out, damage = unpacked(content, at_once=1 << 18)
    assert out == b"x"
    assert damage == "it unpacks to less than half of its size"


def test_empty_blocks_cost_no_time_each() -> None:
    begin = time.process_time()
    _, damage = unpacked(empty_blocks(17), at_once=1 << 18)
    assert damage is not None
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("blocks", [1, 2, 1000, 100_001])
@pytest.mark.parametrize("at_once", [1, 7, 1000, 1 << 18])
def test_empty_blocks_are_followed_wherever_they_are_cut(blocks: int, at_once: int) -> None:
    at_once = max(at_once, blocks // 1000)
    begin, last = empty_blocks(0), b"\x09\0\0y"
    assert unpacked(begin + bytes(3 * blocks) + last, at_once) == (b"xy", None)
    assert unpacked(begin + bytes(3 * blocks), at_once)[1] == "its zstd data is truncated"


def test_zeros_behind_a_compressed_file_are_padding() -> None:
    data = mixed(3)
    assert unpacked(gzip.compress(data) + bytes(5000)) == (data, None)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_decoder_is_gone_when_its_dump_has_ended(tmp_path: Path) -> None:
    """A stream keeps neither the window of its decoder nor its file; nor has it any before."""
    descriptors = open_descriptors()
    streams = []
    for number in range(5):
        path = tmp_path / f"{number}.zst"
        path.write_bytes(zstandard.compress(mixed(9)))
        streams.append(open_dump(path, PAGE, keep=False))
    assert open_descriptors() == descriptors
    for stream in streams:
        assert isinstance(stream, Stream)
        assert len(all_pages(stream)[0]) == 9 * PAGE
    assert open_descriptors() == descriptors


def test_a_compressed_file_that_is_another_one_when_its_turn_comes_is_said(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dump.zst"
    path.write_bytes(zstandard.compress(mixed(9)))
    late = open_dump(path, PAGE, keep=False)
    assert isinstance(late, Stream)
    path.rename(tmp_path / "old")
    path.write_bytes(zstandard.compress(mixed(5)))
    pages, facts = all_pages(late)
    assert pages == b""
    assert facts.incomplete
    assert "another file" in facts.warnings[-1]


@each_compressor
def test_a_cut_file_gives_what_it_has_and_says_so(compress: Callable[[bytes], bytes]) -> None:
    data = mixed(200)
    packed = compress(data)
    out, damage = unpacked(packed[: len(packed) // 2])
    assert damage is not None
    assert "truncated" in damage
    assert 0 < len(out) < len(data)
    assert data.startswith(out)


@each_compressor
@given(data=st.binary(max_size=20_000), at_once=st.integers(1, 5000), cut=st.integers(1, 30))
def test_a_cut_is_never_taken_for_the_end(
    compress: Callable[[bytes], bytes], data: bytes, at_once: int, cut: int
) -> None:
    packed = compress(data)
    assert unpacked(packed, at_once) == (data, None)
    if len(packed) - cut >= 6:  # the magic is there
        out, damage = unpacked(packed[:-cut], at_once)
        assert damage is not None
        assert data.startswith(out)


@given(
    junk=st.binary(max_size=300),
    compression=st.sampled_from(Compression),
    at_once=st.integers(1, 9),
)
def test_junk_behind_a_magic_ends_in_the_same_damage_however_it_is_read(
    junk: bytes, compression: Compression, at_once: int
) -> None:
    packed = compression.value + junk
    assert unpacked(packed, at_once) == unpacked(packed)


def test_a_zip_bomb_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(compressed, "FREE_EXPANSION_BYTES", 1 << 20)
    bomb = zstandard.compress(bytes(16 << 20))
    pages, facts = all_pages(opened(tmp_path, bomb))
    assert len(pages) == 1 << 20
    assert facts.incomplete
    assert "--max-expansion" in facts.warnings[0]

    pages, facts = all_pages(opened(tmp_path, bomb, Reading(max_expansion=100_000)))
    assert len(pages) == 16 << 20
    assert not facts.incomplete


@each_compressor
def test_a_compressed_core_gives_the_pages_of_the_core(
    compress: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    one, two = os.urandom(3 * PAGE), os.urandom(PAGE + 5)
    core = elf_core(Part(one, memory_bytes=9 * PAGE), Part(two), gap=13)
    stream = opened(tmp_path, compress(core))
    pages, facts = all_pages(stream)
    assert pages == one + two + bytes(PAGE - 5)
    assert (facts.kind, facts.absent, facts.incomplete) == (SourceKind.CORE, 6, False)
    assert [(part.first, part.pages) for part in stream.segments] == [(0, 3), (3, 2)]


def test_a_cut_compressed_core_tells_how_many_pages_are_missing(tmp_path: Path) -> None:
    core = elf_core(Part(os.urandom(40 * PAGE)), Part(os.urandom(60 * PAGE)))
    packed = gzip.compress(core)
    stream = opened(tmp_path, packed[: len(packed) // 5])
    pages, facts = all_pages(stream)
    assert facts.incomplete
    assert facts.unreadable == 100 - len(pages) // PAGE > 70
    assert f"{facts.unreadable} of 100 pages" in facts.warnings[0]
    assert sum(part.pages for part in stream.segments) == len(pages) // PAGE


def test_a_compressed_raw_dump_that_ends_inside_a_page_says_so(tmp_path: Path) -> None:
    pages, facts = all_pages(opened(tmp_path, gzip.compress(bytes(PAGE) + b"x" * 100)))
    assert pages == bytes(PAGE)
    assert facts.incomplete
    assert "inside a page" in facts.warnings[0]


def test_a_core_of_70000_segments_is_read_from_a_pipe(tmp_path: Path) -> None:
    core = kernel_core_with_many_segments(70_000)
    pages, facts = all_pages(opened(tmp_path, zstandard.compress(core)), room=100)
    assert len(pages) == 70_000 * PAGE
    assert not facts.incomplete


def kernel_core_with_many_segments(loads: int) -> bytes:
    """A core as the kernel writes it: headers, notes, memory, and the number of segments last."""
    from struct import pack

    count = loads + 1
    notes = b"\5\0\0\0\0\0\0\0\1\0\0\0CORE\0\0\0\0"
    start = 64 + 56 * count
    headers = [pack("<IIQQQQQQ", 4, 0, start, 0, 0, len(notes), 0, 4)]
    memory = start + len(notes)
    headers += [
        pack("<IIQQQQQQ", 1, 6, memory + 8 * at, at * PAGE, 0, 8, PAGE, PAGE) for at in range(loads)
    ]
    end = memory + 8 * loads
    ident = b"\x7fELF\2\1\1" + bytes(9)
    header = pack("<16sHHIQQQIHHHHHH", ident, 4, 62, 1, 0, 64, end, 0, 64, 56, 0xFFFF, 64, 1, 0)
    section = pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0)
    return header + b"".join(headers) + notes + b"segment." * loads + section


def test_a_compressed_file_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(GhostswapError, match="is empty"):
        open_dump(path, PAGE)


def test_a_window_that_is_too_large_is_named(tmp_path: Path) -> None:
    # RFC 8878, 3.1.1.1: a frame without its size, and a window of 2^28 bytes.
    descriptor, window = b"\0", bytes([28 - 10 << 3])
    path = tmp_path / "dump"
    path.write_bytes(Compression.ZSTD.value + descriptor + window + b"\x09\0\0x" + bytes(100))
    with pytest.raises(GhostswapError, match="unpack it to a file"):
        open_dump(path, PAGE)


def test_raw_takes_compressed_bytes_as_pages(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(b"").ljust(PAGE, b"\1"))
    source = open_dump(path, PAGE, Reading(raw=True))
    assert source.facts.kind is SourceKind.RAW
    assert not source.facts.incomplete


def test_other_compressors_are_not_taken_for_these() -> None:
    assert Compression.of(in_memory(bz2.compress(b"x")).read) is None


@given(
    data=st.binary(max_size=3000),
    looks=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), max_size=4),
    at_once=st.integers(1, 700),
)
def test_looking_ahead_takes_nothing_away(
    data: bytes, looks: list[tuple[int, int]], at_once: int
) -> None:
    forward = Forward(Dribble(data, at_once))
    for offset, length in looks:
        assert forward.look(offset, length) == data[offset : offset + length]
    buffer = memoryview(bytearray(len(data) + 1))
    assert forward.readinto(buffer) == len(data)
    assert bytes(buffer[: len(data)]) == data
