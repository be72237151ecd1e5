"""One watch over a sample of pages: where they are, how long nothing touched them, what it cost."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError
from ghostswap.idle.answer import Answer
from ghostswap.idle.damon import end_leftover
from ghostswap.idle.frames import Frames, look_up
from ghostswap.idle.tracker import Tracker, Watch
from ghostswap.idle.trackers import TrackerName
from ghostswap.signals import heeded

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

# How long the intervals of a tracker that looks by itself are (seconds), so that an interrupted
# watch ends soon, and how many there are at least.
_INTERVAL, _LEAST_INTERVAL = 5.0, 0.25
_FEWEST_INTERVALS = 4
# The others look so many seconds apart, counted back from the end: at each of the ages asked for.
# Not fewer: what MGLRU saw accessed while it aged a page does not count (walk_pte_range() in
# mm/vmscan.c, Linux 6.12), unless the page is accessed again before the next look.
_LOOK_SECONDS = 10.0
_MOST_OF_A_CORE = 0.01  # where looks take more, they become fewer
_WAKE_SECONDS = 1.0  # between two moves of the progress bar: drawing it takes half a millisecond
_NEARLY = 1 - 1e-6  # whole intervals, added up, may miss what was asked for by a rounding error

Progress = Callable[[float, float], None]  # (seconds watched, seconds in all)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a watch showed of pages, as columns with an entry per page.

    `untouched` is how many seconds nothing has touched each, at least, at the end; it means
    something where `followed`: in the same frame at the beginning and at the end, and in no way
    out of reclaim's reach. `locked` pages are never swapped.
    """

    tracker: TrackerName
    seconds: float  # what was asked for, or as long as it lasted when interrupted
    untouched: Floats
    followed: Bools
    locked: Bools
    cpu_share: float | None  # of one core, that watching took: all of it, from beginning to end
    partial: bool

    @property
    def idle(self) -> Bools:
        """Followed pages that nothing touched for `seconds`."""
        idle: Bools = self.followed & (self.untouched >= self.seconds * _NEARLY)
        return idle


def watch(
    tracker: Tracker,
    pids: I64,
    addresses: I64,
    page_size: int,
    seconds: float,
    *,
    root: Path = Path("/"),
    progress: Progress = lambda done, known: None,
) -> Watched:
    """Watch the pages at `addresses` of the processes `pids` for `seconds`.

    On KeyboardInterrupt what was seen until then comes back, marked partial. Raises GhostswapError
    where the tracker cannot be had or no page can be watched.
    """
    begin, own = time.monotonic(), time.process_time()
    before = look_up(root, pids, addresses, page_size)
    if len(pids) and not before.frame.any():
        raise GhostswapError("--idle", "this kernel shows page frames to root only")
    heads, unit = np.unique(before.head[before.watchable], return_inverse=True)
    if not len(heads):
        raise GhostswapError("--idle", "none of these pages is one that reclaim could take")
    interval = _interval(seconds)
    partial = False
    end_leftover(root)
    with tracker.watch(root, heads, page_size, interval) as eye:
        try:
            with heeded():
                answer = _wait(eye, seconds, interval, progress)
        except KeyboardInterrupt:
            partial = True
            answer = eye.answer()
        kernel = eye.kernel_seconds()
    if partial and answer.watched <= 0:
        raise KeyboardInterrupt  # nothing is known yet
    after = look_up(root, pids, addresses, page_size, before)
    cpu, lasted = time.process_time() - own, time.monotonic() - begin
    untouched = np.zeros(len(pids))
    untouched[before.watchable] = answer.untouched[unit]
    return Watched(
        tracker.name,
        min(seconds, answer.watched) if partial else seconds,
        untouched,
        _followed(before, after),
        before.locked | after.locked,
        None if kernel is None else (cpu + kernel) / lasted,
        partial,
    )


def _interval(seconds: float) -> float:
    """How long an interval is, so that a whole number of them makes the watch."""
    intervals = max(math.ceil(seconds / _INTERVAL), _FEWEST_INTERVALS)
    return seconds / min(intervals, max(int(seconds / _LEAST_INTERVAL), 1))


def _wait(eye: Watch, seconds: float, interval: float, progress: Progress) -> Answer:
    """Look now and then until the tracker has watched for `seconds`; what it says then."""
    begin = affordable = time.monotonic()
    end = begin + seconds

    def wait_until(moment: float) -> None:
        while (now := time.monotonic()) < moment:
            progress(min(now - begin, seconds), seconds)
            time.sleep(min(_WAKE_SECONDS, moment - now))

    for left in range(math.ceil(seconds / _LOOK_SECONDS) - 1, 0, -1):
        wait_until(end - left * _LOOK_SECONDS)
        if (now := time.monotonic()) >= affordable:
            eye.look()
            took = time.monotonic() - now
            affordable = now + took / _MOST_OF_A_CORE
    wait_until(end)
    while (answer := eye.answer()).watched < seconds * _NEARLY:
        wait_until(time.monotonic() + interval)  # a tracker that looks by itself is behind
    return answer


def _followed(before: Frames, after: Frames) -> Bools:
    """Pages that stayed where they were, neither freed nor moved nor swapped out."""
    followed: Bools = before.watchable & after.watchable & (before.frame == after.frame)
    return followed
