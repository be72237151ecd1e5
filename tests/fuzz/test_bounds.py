"""Small files that claim much: what they cost is bounded by what they are, in memory and time."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, estimate

PAGE = 4096
SECONDS = 30.0  # on a busy machine; what is held off are hours
_CORE = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_LOAD, _NOTE = 1, 4


def core(segments: list[tuple[int, int, int, int, int]], xnum: bool = False) -> bytes:
    """Headers of a core with (type, offset, address, bytes, memory) for each segment."""
    count = len(segments)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    number, section = (0xFFFF, 64 + 56 * count) if xnum else (count, 0)
    head = _CORE.pack(ident, 4, 62, 1, 0, 64, section, 0, 64, 56, number, 64, int(xnum), 0)
    table = b"".join(
        _SEGMENT.pack(kind, 0, offset, address, 0, size, memory, 0)
        for kind, offset, address, size, memory in segments
    )
    extra = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0) if xnum else b""
    return head + table + extra


def segment_of_two_to_the_64() -> bytes:
    return core([(_LOAD, 4096, 0, (1 << 64) - 1, (1 << 64) - 1)])


def segment_up_to_the_limit() -> bytes:
    return core([(_LOAD, 4096, 0, (1 << 63) - 8192, 1 << 63)])


def overlapping_segments() -> bytes:
    return core([(_LOAD, 64, 0, 1 << 20, 1 << 20)] * 65534)


def segments_that_describe_their_own_headers() -> bytes:
    return core([(_LOAD, 0, n * PAGE, 56 * 100, 56 * 100) for n in range(65534)])


def notes_of_many_segments() -> bytes:
    return core([(_NOTE, 0, 0, 3 << 20, 0)] * 65533 + [(_LOAD, 0, 0, PAGE, PAGE)])


def segments_without_bytes() -> bytes:
    return core([(_LOAD, 0, n * PAGE, 0, 1 << 46) for n in range(70000)], xnum=True)


def section_headers_at_the_last_offset() -> bytes:
    head = bytearray(core([(_LOAD, 0, 0, PAGE, PAGE)], xnum=True))
    head[40:48] = struct.pack("<Q", (1 << 63) - 1)  # e_shoff
    return bytes(head)


def note_with_a_million_empty_names() -> bytes:
    named = struct.pack("<QQQQQ", 1, PAGE, 0, PAGE, 0) + bytes((16 << 20) - 80)
    note = struct.pack("<III", 5, len(named), 0x46494C45) + b"CORE\0\0\0\0" + named
    start = 64 + 2 * 56
    return core([(_NOTE, start, 0, len(note), 0), (_LOAD, 0, 0, PAGE, PAGE)]) + note


def lime_range_of_everything() -> bytes:
    return b"EMiL\1\0\0\0" + struct.pack("<QQQ", 0, (1 << 61), 0)


def lime_ranges_without_end() -> bytes:
    one = b"EMiL\1\0\0\0" + struct.pack("<QQQ", 0, 0, 0) + b"x"
    return one * 60_000


def swap_area_of_16_tib() -> bytes:
    page = bytearray(PAGE)
    page[1024:1036] = struct.pack("<III", 1, 0xFFFFFFFF, 0)
    page[-10:] = b"SWAPSPACE2"
    return bytes(page) + b"y" * PAGE


@pytest.mark.parametrize(
    "claim",
    [
        segment_of_two_to_the_64,
        segment_up_to_the_limit,
        overlapping_segments,
        segments_that_describe_their_own_headers,
        notes_of_many_segments,
        segments_without_bytes,
        note_with_a_million_empty_names,
        section_headers_at_the_last_offset,
        lime_range_of_everything,
        lime_ranges_without_end,
        swap_area_of_16_tib,
    ],
)
def test_a_file_that_claims_much_costs_little(tmp_path: Path, claim: Callable[[], bytes]) -> None:
    path = tmp_path / "dump"
    content = claim()
    path.write_bytes(content)
    packed = tmp_path / "dump.zst"
    packed.write_bytes(zstandard.ZstdCompressor().compress(content))
    for given in (path, packed):
        run = estimate(given)
        assert "Traceback" not in run.errors
        assert run.status in (0, 1), run.errors
        assert run.seconds < SECONDS
        assert run.peak < FIXED_BYTES + BYTES_A_PAGE * (len(content) // PAGE + 1)


def test_a_sparse_file_that_claims_4_billion_segments_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "core"
    head = bytearray(core([], xnum=True))
    head[64 + 44 : 64 + 48] = b"\xff\xff\xff\xff"  # sh_info of section header 0
    with path.open("wb") as file:
        file.write(head)
        file.truncate(1 << 40)
    run = estimate(path)
    assert (run.status, run.errors.count("\n")) == (1, 1)
    assert "4294967295 segments" in run.errors
    assert run.seconds < SECONDS
    assert run.peak < FIXED_BYTES


def test_headers_that_unpack_to_gigabytes_are_not_held(tmp_path: Path) -> None:
    """A core whose notes, and the way to its first page, are zeros that compress well."""
    content = core([(_NOTE, 4096, 0, 1 << 40, 0), (_LOAD, 900 << 20, 0, PAGE, PAGE)])
    path = tmp_path / "core.zst"
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as writer:
        writer.write(content)
        for _ in range(901):
            writer.write(bytes(1 << 20))
    run = estimate(path)
    assert run.status == 0, run.errors
    assert run.peak < FIXED_BYTES
    assert run.seconds < SECONDS
