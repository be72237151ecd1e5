"""A short run of what `python -m tests.fuzz` does for long, and what long runs have found."""

import lzma
import resource
import struct
import time
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import zstandard

from ghostswap.census.columns import Origin, Reduction
from ghostswap.census.parquet import write
from ghostswap.census.salt import Salt
from ghostswap.census.store import load
from ghostswap.errors import GhostswapError
from ghostswap.host.maps import parse_mounts
from ghostswap.pages.compressed import Compression, DamageError, decompressed
from tests.fuzz import inputs, loop
from tests.fuzz.loop import fuzz
from tests.fuzz.targets import TARGETS, Bytes, Target

RUNS = 1000


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_input_does_more_than_be_refused(target: Target) -> None:
    outcome = fuzz(target, RUNS, seed=7)
    assert outcome.reason == ""
    assert outcome.executions == RUNS


def test_the_loop_notices_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def inputs_of() -> list[bytes]:
        return [b"an input"]

    def fails(data: bytes) -> None:
        if data != b"an input":
            raise IndexError("found")

    def takes_memory(data: bytes) -> None:
        if data != b"an input":
            bytearray(1 << 30)

    def hangs(data: bytes) -> None:
        while data != b"an input":
            time.sleep(0)

    def waits(data: bytes) -> None:
        if data != b"an input":
            time.sleep(1000)

    for never in (hangs, waits):
        monkeypatch.setattr(loop, "HANG_SECONDS", 0.5)
        monkeypatch.setattr(loop, "_WAIT_SECONDS", 2.0)
        outcome = fuzz(Target("never", never, inputs_of), RUNS, seed=1)
        assert outcome.reason.startswith("took more than")
        assert outcome.failing is not None

    failed = fuzz(Target("fails", fails, inputs_of), RUNS, seed=1)
    assert "IndexError: found" in failed.reason
    assert failed.failing not in (None, b"an input")
    assert "MemoryError" in fuzz(Target("takes", takes_memory, inputs_of), RUNS, seed=1).reason


def test_a_census_that_has_a_page_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "census"
    origin = Origin("host", datetime(2026, 11, 21, tzinfo=UTC), "6.12", 1 << 30)
    write(inputs.a_census(), path, Salt(b"x"), origin, Reduction())
    assert load(path).readable.sum() == 6
    pyarrow = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.read_table(path)
    page = table.column("page").to_numpy().copy()
    page[1] = page[0]
    at = table.schema.get_field_index("page")
    pyarrow.write_table(table.set_column(at, "page", [page.astype(np.int64)]), path)
    with pytest.raises(GhostswapError, match="two rows are of one page"):
        load(path)


def test_lines_of_mountinfo_that_say_nothing_are_passed_by() -> None:
    mounts = parse_mounts(b"nonsense\n\n5 5 0:26 / /dev/shm rw - tmpfs tmpfs rw\n7 tmpfs - tmpfs\n")
    assert mounts.tmpfs == {b"00:01", b"00:1a"}


def test_memory_of_one_compressed_file_is_free_before_the_next() -> None:
    packed = zstandard.ZstdCompressor().compress(b"some text" * 20_000)

    def unpack() -> None:
        with suppress(DamageError):
            stream = decompressed(Bytes(packed), Compression.ZSTD)
            while stream.readinto(memoryview(bytearray(1 << 16))):
                pass

    unpack()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(200):
        unpack()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10  # KiB


def test_an_xz_window_of_more_than_the_limit_is_refused_before_memory_is_taken() -> None:
    # A block header with a dictionary of 192 MiB (size byte 0x23): .xz file format 5.3.1.
    packed = bytearray(lzma.compress(b"x" * 9000))
    at = 12
    packed[at + 4] = 0x23
    packed[at + 8 : at + 12] = struct.pack("<I", zlib.crc32(packed[at : at + 8]))
    stream = decompressed(Bytes(bytes(packed)), Compression.XZ)
    with pytest.raises(DamageError, match="further than 128 MiB"):
        stream.readinto(memoryview(bytearray(1 << 16)))
