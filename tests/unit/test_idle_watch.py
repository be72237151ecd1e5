"""Which pages can be watched, and what a watch says of those that were freed, moved or touched."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError
from ghostswap.idle import frames, page_idle
from ghostswap.idle import watch as watching
from ghostswap.idle.answer import Answer
from ghostswap.idle.tracker import Tracker, find_tracker
from ghostswap.idle.trackers import TrackerName

PAGE = 4096
PRESENT = 1 << 63
LRU, HEAD, TAIL, UNEVICTABLE, MLOCKED = (1 << bit for bit in (5, 15, 16, 18, 33))
PID = 321


class Machine:
    """A host whose process 321 has pages in frames, as its /proc tells."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / f"proc/{PID}").mkdir(parents=True)
        (root / "sys/kernel/mm/page_idle").mkdir(parents=True)
        (root / page_idle._BITMAP).write_bytes(bytes(8 * 1024))
        self.flags = np.zeros(1 << 14, dtype=np.uint64)
        self.page: dict[int, int] = {}

    def put(self, number: int, frame: int, flags: int = LRU) -> None:
        """Page `number` of the process is in `frame`; 0: it is not in memory."""
        self.page[number] = frame
        self.flags[frame] = flags
        entries = np.zeros(max(self.page) + 1, dtype=np.uint64)
        for each, where in self.page.items():
            entries[each] = where | PRESENT if where else 0
        (self.root / f"proc/{PID}/pagemap").write_bytes(entries.tobytes())
        (self.root / "proc/kpageflags").write_bytes(self.flags.tobytes())

    def touch(self, frame: int) -> None:
        """Clear a page's mark, as the kernel does when the page has been accessed."""
        bits = np.fromfile(self.root / page_idle._BITMAP, dtype=np.uint64)
        bits[frame // 64] &= ~np.uint64(1 << (frame % 64))
        bits.tofile(self.root / page_idle._BITMAP)

    def watch(self, tracker: Tracker, numbers: list[int], seconds: float) -> watching.Watched:
        pids = np.full(len(numbers), PID)
        addresses = np.array(numbers, dtype=np.int64) * PAGE
        return watching.watch(tracker, pids, addresses, PAGE, seconds, root=self.root)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(watching, "_MOST_OF_A_CORE", 1.0)  # what is made up here is slow
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.25)
    return Machine(tmp_path)


def test_a_page_of_a_huge_page_is_asked_for_by_its_head(machine: Machine) -> None:
    for frame in range(512, 1024):
        machine.flags[frame] = TAIL | LRU
    machine.flags[512 + 16] = HEAD | LRU  # a folio of 16 pages behind one of 16
    machine.put(0, 512, HEAD | LRU)
    machine.put(1, 512 + 15, TAIL)
    machine.put(2, 512 + 16 + 5, TAIL)
    machine.put(3, 4000)
    seen = frames.look_up(machine.root, np.full(4, PID), np.arange(4, dtype=np.int64) * PAGE, PAGE)
    assert seen.head.tolist() == [512, 512, 528, 4000]
    assert seen.watchable.all()


def test_locked_pages_and_those_that_no_tracker_sees_are_told_apart(machine: Machine) -> None:
    machine.put(0, 100, LRU | MLOCKED)
    machine.put(1, 101, LRU | UNEVICTABLE)
    machine.put(2, 102, 0)
    machine.put(3, 0)
    machine.put(4, 103)
    seen = frames.look_up(machine.root, np.full(6, PID), np.arange(6, dtype=np.int64) * PAGE, PAGE)
    assert seen.locked.tolist() == [True, True, False, False, False, False]
    assert seen.watchable.tolist() == [False, False, False, False, True, False]


def bitmap(acts: dict[int, Callable[[], None]]) -> Tracker:
    """page_idle, where things happen before the looks of these numbers, counted from 1."""

    class Eventful(page_idle.BitmapWatch):
        looks = 0

        def look(self) -> None:
            self.looks += 1
            acts.get(self.looks, lambda: None)()
            super().look()

        def _mark(self, chosen: NDArray[np.bool_]) -> None:
            """As the kernel does, for which a bit that is not set says nothing."""
            before = np.frombuffer(os.pread(self._fd, 1 << 20, 0), dtype=np.uint64)
            super()._mark(chosen)
            after = np.frombuffer(os.pread(self._fd, 1 << 20, 0), dtype=np.uint64)
            os.pwrite(self._fd, (before | after).tobytes(), 0)

    @contextmanager
    def watch(
        root: Path, heads: NDArray[np.uint64], page_size: int, interval: float
    ) -> Iterator[page_idle.BitmapWatch]:
        fd = os.open(root / page_idle._BITMAP, os.O_RDWR)
        yield Eventful(fd, heads)
        os.close(fd)

    return Tracker(TrackerName.PAGE_IDLE, page_idle.there, watch, 10_000)


def test_page_idle_tells_how_long_nothing_touched_a_page(machine: Machine) -> None:
    for number, frame in enumerate((70, 64, 300, 10_000)):
        machine.put(number, frame)
    acts = {1: lambda: machine.touch(64), 4: lambda: machine.touch(300)}
    seen = machine.watch(bitmap(acts), [0, 1, 2, 3], 1.0)
    assert seen.idle.tolist() == [True, False, False, True]
    assert 0.6 < seen.untouched[1] < 0.9
    assert seen.untouched[2] < 0.1
    assert seen.cpu_share is not None
    assert not seen.partial


def test_a_watch_by_whatever_tracker_ends_what_a_killed_one_left(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots: list[Path] = []
    monkeypatch.setattr(watching, "end_leftover", roots.append)
    machine.put(0, 200)
    machine.watch(bitmap({}), [0], 0.3)
    assert roots == [machine.root]


def test_looks_that_cost_much_become_fewer(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.put(0, 200)
    looks = []

    def slow() -> None:
        looks.append(1)
        time.sleep(0.02)

    monkeypatch.setattr(watching, "_MOST_OF_A_CORE", 0.02)
    machine.watch(bitmap(dict.fromkeys(range(1, 99), slow)), [0], 2.0)
    assert len(looks) <= 3, "after 0.5 s, a second later, and the last one"


def test_pages_freed_or_moved_meanwhile_are_dropped(machine: Machine) -> None:
    for number in range(3):
        machine.put(number, 200 + number)

    def move() -> None:
        machine.put(1, 900)
        machine.put(2, 0)

    seen = machine.watch(bitmap({2: move}), [0, 1, 2], 0.5)
    assert seen.followed.tolist() == [True, False, False]
    assert seen.idle.tolist() == [True, False, False]


def test_an_interrupted_watch_gives_what_it_saw(machine: Machine) -> None:
    machine.put(0, 200)
    machine.put(1, 201)

    def interrupt() -> None:
        machine.touch(201)
        acts.clear()
        raise KeyboardInterrupt

    acts = {2: interrupt}
    seen = machine.watch(bitmap(acts), [0, 1], 2.0)
    assert seen.partial
    assert 0.5 <= seen.seconds < 1.5
    assert seen.idle.tolist() == [True, False]


def test_a_tracker_that_is_behind_gets_the_time_it_needs(machine: Machine) -> None:
    machine.put(0, 200)

    class Late:
        begin = time.monotonic()

        def look(self) -> None: ...

        def kernel_seconds(self) -> None: ...

        def answer(self) -> Answer:
            watched = 0.25 * int((time.monotonic() - self.begin) / 0.5)  # at half the speed
            return Answer(np.array([watched]), watched)

    @contextmanager
    def watch(*_: object) -> Iterator[Late]:
        yield Late()

    seen = machine.watch(Tracker(TrackerName.DAMON, page_idle.there, watch, 10_000), [0], 1.0)
    assert seen.idle.tolist() == [True]
    assert seen.cpu_share is None


def test_nothing_that_reclaim_could_take_is_no_answer(machine: Machine) -> None:
    machine.put(0, 200, LRU | MLOCKED)
    with pytest.raises(GhostswapError, match=r"^--idle: none of these pages"):
        machine.watch(bitmap({}), [0], 1.0)


def test_frames_that_are_hidden_are_said_to_be(machine: Machine) -> None:
    machine.put(0, 0)
    with pytest.raises(GhostswapError, match=r"^--idle: .* to root only$"):
        machine.watch(bitmap({}), [0], 1.0)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 7.5, 30.0, 62.0, 3600.0])
def test_a_whole_number_of_looks_makes_the_watch(seconds: float) -> None:
    interval = watching._interval(seconds)
    assert 0.2 < interval <= 5.0
    assert seconds / interval == pytest.approx(round(seconds / interval))


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        ({"page_idle/bitmap", "damon"}, TrackerName.AUTO, TrackerName.PAGE_IDLE),
        ({"damon"}, TrackerName.AUTO, TrackerName.DAMON),
        ({"page_idle/bitmap", "damon"}, TrackerName.DAMON, TrackerName.DAMON),
        ({"damon"}, TrackerName.PAGE_IDLE, None),
        (set(), TrackerName.AUTO, None),
    ],
)
def test_the_tracker_is_one_that_the_kernel_has(
    tmp_path: Path, there: set[str], wanted: TrackerName, chosen: TrackerName | None
) -> None:
    for name in there:
        place = (
            tmp_path / "sys/kernel/mm" / name.replace("damon", "damon/admin/kdamonds/nr_kdamonds")
        )
        place.parent.mkdir(parents=True)
        place.touch()
    if chosen is not None:
        assert find_tracker(tmp_path, wanted).name is chosen
        return
    with pytest.raises(GhostswapError, match=r"^--idle: this kernel has no.*Debian from 6\.12"):
        find_tracker(tmp_path, wanted)


def test_its_cost_is_ours_and_that_of_the_kernels_threads(machine: Machine) -> None:
    machine.put(0, 200)

    class Costly:
        def look(self) -> None: ...

        def kernel_seconds(self) -> float:
            return 0.5

        def answer(self) -> Answer:
            end = time.thread_time() + 0.1
            while time.thread_time() < end:
                pass
            return Answer(np.array([1.0]), 1.0)

    @contextmanager
    def watch(*_: object) -> Iterator[Costly]:
        yield Costly()

    begin = time.monotonic()
    seen = machine.watch(Tracker(TrackerName.DAMON, page_idle.there, watch, 10_000), [0], 1.0)
    lasted = time.monotonic() - begin
    assert seen.cpu_share is not None
    assert seen.cpu_share * lasted * 1.01 >= 0.6
