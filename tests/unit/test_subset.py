"""Some pages of a source are read as if there were no others."""

from pathlib import Path

import numpy as np

from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Mapping, Segment, Source
from ghostswap.pages.subset import addresses, subset

PAGE = 4096


def test_only_the_pages_named_are_read_and_numbered_anew(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(b"".join(bytes([number]) * PAGE for number in range(20)))
    whole = open_dump(dump, PAGE)
    assert isinstance(whole, Source)
    numbers = np.array([0, 3, 4, 5, 19])
    some = subset(whole, numbers)
    assert some.runs.pages == 5
    assert addresses(whole, numbers).tolist() == (numbers * PAGE).tolist()
    reader = some.open()
    room = memoryview(bytearray(4 * PAGE))
    assert reader.read(1, 4, room).all()
    assert [room[at] for at in range(0, len(room), PAGE)] == [3, 4, 5, 19]
    reader.close()


def test_pages_keep_what_they_were_mapped_as(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(bytes(10 * PAGE))
    whole = open_dump(dump, PAGE)
    assert isinstance(whole, Source)
    segments = (
        Segment(0, 4, Mapping.HEAP),
        Segment(4, 2, Mapping.STACK),
        Segment(6, 4, Mapping.ANON),
    )
    object.__setattr__(whole, "segments", segments)
    some = subset(whole, np.array([1, 3, 6, 9]))
    assert some.segments == (Segment(0, 2, Mapping.HEAP), Segment(2, 2, Mapping.ANON))
