"""The pages of this very process, found by both ways that kernels have had to tell them."""

import ctypes
import itertools
import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.host import pagemap
from ghostswap.host.pagemap import Ranges, Wanted, swappable

PAGE = mmap.PAGESIZE
SELF = Path("/proc/self/pagemap")


@pytest.fixture(params=["PAGEMAP_SCAN", "an entry a page"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which way is taken; kernels before 6.7 have the second only."""
    if request.param == "an entry a page":
        monkeypatch.setattr(pagemap, "_scanned", lambda *_: None)
    return str(request.param)


@pytest.fixture
def memory() -> mmap.mmap:
    area = mmap.mmap(-1, 64 * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    return area


def address_of(area: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(area))


def wanted(*parts: tuple[int, int], anonymous_only: bool = True) -> Wanted:
    return Wanted(
        np.array([start for start, _ in parts], dtype=np.int64),
        np.array([end for _, end in parts], dtype=np.int64),
        np.full(len(parts), anonymous_only),
    )


def found(parts: Wanted) -> Ranges:
    with SELF.open("rb", buffering=0) as file:
        return swappable(file.fileno(), parts, PAGE)


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
    whole = found(wanted((base, base + 64 * PAGE)))
    assert numbers(whole, base) == touched
    assert whole.swapped == 0


@pytest.mark.usefixtures("way")
def test_what_is_not_wanted_is_left_out_though_it_lies_between(memory: mmap.mmap) -> None:
    for page in range(64):
        memory[page * PAGE] = 1
    base = address_of(memory)
    parts = found(
        wanted(
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
    assert numbers(found(wanted((base, base + 8 * PAGE))), base) == [1]
    all_pages = found(wanted((base, base + 8 * PAGE), anonymous_only=False))
    assert set(numbers(all_pages, base)) >= {0, 1}


def test_the_shared_zero_page_is_not_memory(memory: mmap.mmap) -> None:
    assert memory[5 * PAGE] == 0  # read, not written
    base = address_of(memory)
    with SELF.open("rb", buffering=0) as file:
        if pagemap._scanned(file.fileno(), base, base + PAGE) is None:
            pytest.skip("this kernel has no PAGEMAP_SCAN (before 6.7)")
    assert numbers(found(wanted((base, base + 64 * PAGE))), base) == []


@given(st.lists(st.integers(0, 3), max_size=60), st.lists(st.booleans(), max_size=60))
def test_regions_and_wanted_parts_meet_page_by_page(there: list[int], want: list[bool]) -> None:
    def runs(marks: list[int]) -> list[tuple[int, int, int]]:
        cuts = [
            at
            for at in range(len(marks) + 1)
            if at in (0, len(marks)) or marks[at] != marks[at - 1]
        ]
        return [(a, b, marks[a]) for a, b in itertools.pairwise(cuts) if marks[a]]

    regions = np.array([(a, b, mark) for a, b, mark in runs(there)], dtype=pagemap._REGION)
    parts = runs([int(mark) for mark in want])
    columns = wanted(*[(a, b) for a, b, _ in parts])
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
