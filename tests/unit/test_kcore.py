"""Reading frames by /proc/kcore: where each is, and that a page which moved meanwhile is not had.

That it spares no page from reclaim is tested in guests (tests/vm/test_observer.py).
"""

import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ghostswap.host.pagemap import entries_of
from ghostswap.pages import kcore, process
from ghostswap.pages.kcore import PhysicalMemory, parse_kcore, read_frames
from ghostswap.pages.process import ProcessReader
from ghostswap.pages.runs import Runs

PAGE = 4096
PRESENT = 1 << 63
NOWHERE = (1 << 64) - 1
# As x86-64 has it: RAM from 4 KiB and from 4 GiB on, the vmalloc area, the kernel's text in RAM.
SEGMENTS = (
    (0x800000, 0x3000, 0x2000),
    (0x3000, 0x1000, 0x9000),
    (0x100000, 1 << 32, 0x4000),
    (0x90000, NOWHERE, 0x1000),
)
PHYSICAL = PhysicalMemory(
    *(np.array(column, dtype=np.uint64) for column in ((0,), (64 * PAGE,), (0x1000,)))
)


def headers(segments: tuple[tuple[int, int, int], ...] = SEGMENTS) -> bytes:
    """The beginning of a /proc/kcore: segments are offset, physical address and size."""
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    text = struct.pack("<16sHHIQQQIHHHHHH", ident, 4, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    text = text[:56] + struct.pack("<H", len(segments) + 1) + text[58:]
    text += struct.pack("<IIQQQQQQ", 4, 0, 0x300, 0, 0, 0x100, 0, 0)  # notes
    for offset, address, size in segments:
        text += struct.pack("<IIQQQQQQ", 1, 7, offset, 1 << 63, address, size, size, PAGE)
    return text


def test_each_frame_of_ram_is_where_its_segment_has_it() -> None:
    memory = parse_kcore(headers())
    assert memory is not None
    frames = np.array([0, 1, 3, 9, 10, 1 << 20, (1 << 20) + 3, (1 << 20) + 4], dtype=np.uint64)
    expected = [-1, 0x3000, 0x5000, 0xB000, -1, 0x100000, 0x103000, -1]
    assert memory.offsets(frames, PAGE).tolist() == expected


def test_segments_that_overlap_in_part_are_joined() -> None:
    memory = parse_kcore(headers(((0, 0x1000, 0x3000), (0x100000, 0x3000, 0x4000))))
    assert memory is not None
    frames = np.array([1, 3, 4, 6, 7], dtype=np.uint64)
    assert memory.offsets(frames, PAGE).tolist() == [0, 0x2000, 0x101000, 0x103000, -1]


@pytest.mark.parametrize(
    "text", [b"", b"\x7fELF", headers()[:200], b"\0" * 400, headers(SEGMENTS[3:]), headers(())]
)
def test_headers_without_ram_are_none(text: bytes) -> None:
    assert parse_kcore(text) is None


class Machine:
    """A process of eight pages in frames of a memory that is made up."""

    frames = (7, 8, 9, 3, 0, 63, 64, 5)  # the fifth is swapped out, the seventh is no RAM

    def __init__(self, folder: Path) -> None:
        self.memory = random.Random(6).randbytes(64 * PAGE)
        folder.joinpath("kcore").write_bytes(bytes(0x1000) + self.memory)
        folder.joinpath("pagemap").write_bytes(struct.pack("<8Q", *map(self.entry, self.frames)))
        self.kcore = os.open(folder / "kcore", os.O_RDONLY)
        self.pagemap = os.open(folder / "pagemap", os.O_RDWR)

    @staticmethod
    def entry(frame: int) -> int:
        return PRESENT | frame if frame else 1 << 62

    def read(self) -> tuple[list[bool], bytes]:
        into = bytearray(8 * PAGE)
        numbers = np.arange(8, dtype=np.int64)
        had = read_frames(self.kcore, PHYSICAL, self.pagemap, numbers, PAGE, memoryview(into))
        return had.tolist(), bytes(into)

    def page(self, number: int) -> bytes:
        frame = self.frames[number]
        return self.memory[frame * PAGE : (frame + 1) * PAGE]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    os.close(made.kcore)
    os.close(made.pagemap)


def test_pages_are_those_of_their_frames(machine: Machine) -> None:
    had, read = machine.read()
    assert had == [True, True, True, True, False, True, False, True]
    for number in (0, 1, 2, 3, 5, 7):
        assert read[number * PAGE : (number + 1) * PAGE] == machine.page(number)


@pytest.mark.parametrize("now", [Machine.entry(0), Machine.entry(11), 0])
def test_a_page_that_moved_meanwhile_is_not_had(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, now: int
) -> None:
    """Swapped out, moved, or freed while it was read: the frame may be anybody's by now."""
    asked: list[int] = []

    def moving(fd: int, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
        asked.append(len(numbers))
        if len(asked) == 2:
            os.pwrite(fd, struct.pack("<Q", now), 8)
        return entries_of(fd, numbers)

    monkeypatch.setattr(kcore, "entries_of", moving)
    assert machine.read()[0] == [True, False, True, True, False, True, False, True]


def test_a_process_is_read_by_its_frames_where_they_are_shown(machine: Machine) -> None:
    runs = Runs.of(PAGE, np.array([0, 5 * PAGE]), np.array([3 * PAGE, PAGE]))
    nothing = os.open(os.devnull, os.O_RDONLY)
    reader = ProcessReader(nothing, os.dup(machine.pagemap), runs, PHYSICAL, os.dup(machine.kcore))
    into = bytearray(4 * PAGE)
    assert reader.read(0, 4, memoryview(into)).all()
    assert bytes(into) == b"".join(map(machine.page, (0, 1, 2, 5)))
    assert reader.swapped_in == 0
    reader.close()


@pytest.mark.parametrize(
    ("enabled", "spoil"), [("0x0007\n", False), ("0x0000\n", True), (None, True), ("y", True)]
)
def test_the_classic_lru_is_the_one_that_marks_matter_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enabled: str | None, spoil: bool
) -> None:
    place = tmp_path / "enabled"
    if enabled is not None:
        place.write_text(enabled)
    monkeypatch.setattr(kcore, "_LRU_GEN", place)
    assert kcore.marks_spoil_reclaim() is spoil


def no_kcore(folder: Path) -> None:
    """None at all."""


def of_another_machine(folder: Path) -> None:
    """One that does not show what is in memory."""
    (folder / "kcore").write_bytes(headers(((0x1000, 0, 1 << 50),)).ljust(1 << 16, b"\0"))


@pytest.mark.parametrize("there", [no_kcore, of_another_machine])
def test_what_does_not_show_our_own_page_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: Callable[[Path], None]
) -> None:
    there(tmp_path)
    monkeypatch.setattr(kcore, "KCORE", tmp_path / "kcore")
    assert kcore.physical_memory() is None


def test_processes_are_opened_by_frames_on_the_classic_lru_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "physical_memory", lambda: PHYSICAL)
    for spoil in (True, False):
        monkeypatch.setattr(process, "marks_spoil_reclaim", lambda spoil=spoil: spoil)
        assert (process.Processes(PAGE)._physical is PHYSICAL) is spoil
