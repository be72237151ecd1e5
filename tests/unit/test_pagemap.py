"""The pages of this very process, found by both ways that kernels have had to tell them."""

import ctypes
import errno
import fcntl
import itertools
import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ghostswap.host import pagemap
from ghostswap.host.pagemap import MappedRanges, Ranges, swappable

PAGE = mmap.PAGESIZE
SELF = Path("/proc/self/pagemap")


@pytest.fixture(params=["PAGEMAP_SCAN", "an entry a page"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which way is taken; kernels before 6.7 have the second only."""
    if request.param == "an entry a page":
        monkeypatch.setattr(pagemap, "has_pagemap_scan", lambda fd: False)
    return str(request.param)


@pytest.fixture
def memory() -> mmap.mmap:
    area = mmap.mmap(-1, 64 * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    return area


def address_of(area: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(area))


def ranges(*parts: tuple[int, int], anonymous_only: bool = True) -> MappedRanges:
    return MappedRanges(
        np.array([start for start, _ in parts], dtype=np.int64),
        np.array([end for _, end in parts], dtype=np.int64),
        np.full(len(parts), anonymous_only),
    )


def found(parts: MappedRanges) -> Ranges:
    with SELF.open("rb", buffering=0) as file:
        batches = list(swappable(file.fileno(), parts, PAGE))
    return Ranges(
        np.concatenate([np.zeros(0, dtype=np.int64), *(batch.start for batch in batches)]),
        np.concatenate([np.zeros(0, dtype=np.int64), *(batch.length for batch in batches)]),
        np.concatenate([np.zeros(0, dtype=np.int64), *(batch.part for batch in batches)]),
        np.concatenate([np.zeros(0, dtype=np.bool_), *(batch.huge for batch in batches)]),
        sum(batch.swapped for batch in batches),
    )


def numbers(ranges: Ranges, base: int) -> list[int]:
    """The pages found, counted from address `base`."""
    return [
        (start + skip - base) // PAGE
        for start, length in zip(ranges.start.tolist(), ranges.length.tolist(), strict=True)
        for skip in range(0, length, PAGE)
    ]


@pytest.mark.usefixtures("way")
def test_only_touched_pages_are_found(memory: mmap.mmap) -> None:
    touched = [0, 1, 2, 7, 30, 31, 63]
    for page in touched:
        memory[page * PAGE] = 1
    base = address_of(memory)
    whole = found(ranges((base, base + 64 * PAGE)))
    assert numbers(whole, base) == touched
    assert whole.swapped == 0


@pytest.mark.usefixtures("way")
def test_what_is_not_wanted_is_left_out_though_it_lies_between(memory: mmap.mmap) -> None:
    for page in range(64):
        memory[page * PAGE] = 1
    base = address_of(memory)
    parts = found(
        ranges(
            (base, base + 3 * PAGE),
            (base + 10 * PAGE, base + 11 * PAGE),
            (base + 60 * PAGE, base + 64 * PAGE),
        )
    )
    assert numbers(parts, base) == [0, 1, 2, 10, 60, 61, 62, 63]
    assert parts.part.tolist() == [0, 1, 2]


@pytest.mark.usefixtures("way")
def test_pages_of_a_file_count_only_where_all_pages_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 8 * PAGE)
    with path.open("r+b") as file:
        area = mmap.mmap(file.fileno(), 8 * PAGE, mmap.MAP_PRIVATE)
    assert area[0] == area[PAGE] == ord("x")  # two pages of the file
    area[PAGE] = 0  # of which one becomes anonymous
    base = address_of(area)
    assert numbers(found(ranges((base, base + 8 * PAGE))), base) == [1]
    all_pages = found(ranges((base, base + 8 * PAGE), anonymous_only=False))
    assert set(numbers(all_pages, base)) >= {0, 1}


def test_the_shared_zero_page_is_not_memory(memory: mmap.mmap) -> None:
    assert memory[5 * PAGE] == 0  # read, not written
    base = address_of(memory)
    with SELF.open("rb", buffering=0) as file:
        if not pagemap.has_pagemap_scan(file.fileno()):
            pytest.skip("this kernel has no PAGEMAP_SCAN (before 6.7)")
    assert numbers(found(ranges((base, base + 64 * PAGE))), base) == []


@given(st.lists(st.integers(0, 3), max_size=60), st.lists(st.booleans(), max_size=60))
def test_regions_and_wanted_parts_meet_page_by_page(there: list[int], want: list[bool]) -> None:
    def runs(marks: list[int]) -> list[tuple[int, int, int]]:
        cuts = [
            at
            for at in range(len(marks) + 1)
            if at in (0, len(marks)) or marks[at] != marks[at - 1]
        ]
        return [(a, b, marks[a]) for a, b in itertools.pairwise(cuts) if marks[a]]

    regions = np.array([(a, b, mark) for a, b, mark in runs(there)], dtype=pagemap.REGION)
    parts = runs([int(mark) for mark in want])
    columns = ranges(*[(a, b) for a, b, _ in parts])
    start, end, part, category = pagemap._overlaps(regions, columns)
    got = {
        page: (int(number), int(mark))
        for a, b, number, mark in zip(start, end, part, category, strict=True)
        for page in range(a, b)
    }
    expected = {
        page: (number, there[page])
        for number, (a, b, _) in enumerate(parts)
        for page in range(a, b)
        if page < len(there) and there[page]
    }
    assert got == expected


class Kernel:
    """Answers as do_pagemap_scan() does: regions in laps of a buffer, and walk_end as the last lap
    that was cut short left it."""

    def __init__(self, present: list[int], buffer: int = 4, most: int = 64) -> None:
        self.present, self.buffer, self.most, self.calls = present, buffer, most, 0

    def ask(self, start: int, end: int) -> tuple[NDArray[np.void], int]:
        self.calls += 1
        inside = [at for at in self.present if start <= at * PAGE < end]
        taken = inside[: self.most]
        walk_end = 0
        for lap in range(self.buffer, len(taken) + 1, self.buffer):
            if lap < len(inside):
                walk_end = inside[lap] * PAGE
        regions = np.zeros(len(taken), dtype=pagemap.REGION)
        regions["start"] = [at * PAGE for at in taken]
        regions["end"] = [(at + 1) * PAGE for at in taken]
        regions["categories"] = 8
        return regions, walk_end or end


@given(st.sets(st.integers(0, 400)), st.integers(1, 9), st.integers(1, 9))
def test_no_region_is_met_twice_or_missed_though_walk_end_lies_below(
    pages: set[int], buffer: int, laps: int
) -> None:
    kernel = Kernel(sorted(pages), buffer, buffer * laps)
    parts = ranges((0, 100 * PAGE), (100 * PAGE, 401 * PAGE))
    met = [
        int(start) // PAGE
        for regions in pagemap.regions_by_scan(kernel.ask, parts)
        for start in regions["start"]
    ]
    assert met == sorted(pages)
    assert kernel.calls <= len(pages) // (buffer * laps) + 2


@pytest.mark.parametrize(
    ("regions", "walk_end"),
    [
        ([(8, 9), (4, 5)], 64),  # descending
        ([(4, 6), (5, 7)], 64),  # overlapping
        ([(4, 4)], 64),  # empty
        ([(7, 3)], 64),  # backwards
        ([(60, 65)], 64),  # beyond the end
        ([], 0),  # walked nowhere
        ([], 65),  # walked beyond the end
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(
    regions: list[tuple[int, int]], walk_end: int
) -> None:
    answer = np.zeros(len(regions), dtype=pagemap.REGION)
    answer["start"] = [start * PAGE for start, _ in regions]
    answer["end"] = [end * PAGE for _, end in regions]
    parts = ranges((0, 64 * PAGE))
    with pytest.raises(ValueError, match="PAGEMAP_SCAN"):
        list(pagemap.regions_by_scan(lambda start, end: (answer, walk_end * PAGE), parts))


def test_one_call_covers_a_bounded_part_of_the_address_space() -> None:
    asked: list[int] = []

    def ask(start: int, end: int) -> tuple[NDArray[np.void], int]:
        asked.append(end - start)
        return np.zeros(0, dtype=pagemap.REGION), end

    # 1 TiB at once; and two small areas 100 TiB apart, between which nothing is asked.
    assert list(pagemap.regions_by_scan(ask, ranges((0, 1 << 40)))) == []
    assert (len(asked), max(asked)) == (64, 1 << 34)
    asked.clear()
    assert list(pagemap.regions_by_scan(ask, ranges((PAGE, 2 * PAGE), (1 << 46, 1 << 47)))) == []
    assert sum(asked) <= (1 << 46) + (1 << 34)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EPERM, errno.EFAULT])
def test_only_a_kernel_that_has_no_such_call_is_read_entry_by_entry(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ioctl(fd: int, request: int, argument: bytearray) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    with pytest.raises(OSError, match=os.strerror(number)):
        found(ranges((0, PAGE)))
    number = errno.ENOTTY
    assert numbers(found(ranges((0, PAGE))), 0) == []


@pytest.mark.parametrize("gap", [0, 1, 16, 128])
def test_entries_are_those_of_their_numbers_and_zero_where_there_is_none(
    tmp_path: Path, gap: int
) -> None:
    kept = np.arange(1, 1001, dtype=np.uint64)
    kept.tofile(tmp_path / "entries")
    with (tmp_path / "entries").open("ab+", buffering=0) as file:
        file.write(b"\xff\xff\xff")  # a part of an entry is none
        for step in (1, 3, 17, 18, 129, 400):
            asked = np.arange(5, 1300, step)
            entries = pagemap.entries_of(file.fileno(), asked, gap)
            assert entries.tolist() == [each + 1 if each < 1000 else 0 for each in asked.tolist()]
        assert pagemap.entries_of(file.fileno(), asked[:0], gap).tolist() == []
