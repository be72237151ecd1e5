"""lzo-rle in C and in Python say the same of any page; without the C one, plans take a sample."""

from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.application.algorithm import algorithm_of_host
from ghostswap.census import lzorle, models
from ghostswap.systems.footprint import System

PAGE = 4096
COMPILED = models.load("lzo-rle")


class Run(NamedTuple):
    byte: int
    length: int


class Copy(NamedTuple):
    back: int
    length: int


# What a page may be made of: bytes as they come, runs of one byte (zero above all), copies of what
# was there before, near and far, as short and as long as one instruction has it or not, and noise.
_pieces = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.builds(Run, st.integers(0, 2), st.integers(1, 5000)),
    st.builds(Copy, st.integers(1, 0xC100), st.integers(1, 1200)),
    st.builds(
        lambda seed, length: Random(seed).randbytes(length), st.integers(), st.integers(1, 3000)
    ),
)


@st.composite
def blocks(draw: st.DrawFn) -> bytearray:
    """A page of 4 to 64 KiB, or a few bytes that are no page."""
    size = draw(st.one_of(st.sampled_from([PAGE, PAGE, 4 * PAGE, 16 * PAGE]), st.integers(1, 99)))
    data = bytearray()
    pieces = draw(st.lists(_pieces, min_size=1, max_size=40))
    while len(data) < size:
        for piece in pieces:
            if isinstance(piece, Run):
                data += bytes([piece.byte]) * piece.length
            elif isinstance(piece, Copy):
                start = max(len(data) - piece.back, 0)
                data += data[start : start + piece.length]
            else:
                data += piece
        data += b"\x01"
    return data[:size]


@pytest.mark.skipif(COMPILED is None, reason="no C compiler was there at the installation")
@settings(max_examples=300, deadline=None)
@given(blocks())
def test_both_say_the_same_of_any_block(block: bytearray) -> None:
    assert COMPILED is not None
    (length,) = COMPILED(memoryview(block), np.zeros(1, dtype=np.int64), len(block))
    assert length == lzorle.compressed_bytes(memoryview(block))


@pytest.mark.parametrize("compiled", [True, False])
def test_plans_take_a_sample_where_it_is_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    if not compiled:
        monkeypatch.setattr(models, "_LIBRARY", tmp_path / "none.so")
    elif COMPILED is None:
        pytest.skip("no C compiler was there at the installation")
    (tmp_path / "sys/block/zram0").mkdir(parents=True)
    (tmp_path / "sys/block/zram0/comp_algorithm").write_text("lzo [lzo-rle] zstd\n")
    host = algorithm_of_host(tmp_path, System.ZRAM)
    sampled = "" if compiled else "; slow to measure, so by a sample"
    assert (host.name, host.slow) == ("lzo-rle", not compiled)
    assert host.why == f"lzo-rle is what zram here uses{sampled}."


def test_a_library_of_another_machine_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_LIBRARY", tmp_path / "_models.so")
    (tmp_path / "_models.so").write_bytes(b"\x7fELF of something else")
    assert models.load("lzo-rle") is None
