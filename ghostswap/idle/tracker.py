"""What can tell which pages are touched: one row per kernel interface."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError
from ghostswap.idle import damon, page_idle
from ghostswap.idle.answer import Answer
from ghostswap.idle.trackers import TrackerName

U64 = NDArray[np.uint64]


class Watch(Protocol):
    """Frames that are being watched."""

    def look(self) -> None:
        """Take note of what was touched since the last look."""

    def answer(self) -> Answer:
        """What was seen until now."""

    def kernel_seconds(self) -> float | None:
        """Processor time that threads of the kernel have taken so far; None where nothing tells."""


@dataclass(frozen=True, slots=True)
class Tracker:
    """One interface. `there` says whether the host below a root directory has it; `watch` takes the
    root, distinct frame numbers, the page size (bytes) and how long an interval is for one that
    looks by itself (seconds), begins to watch, and ends it on leaving. Of `pages_per_second`, for
    each second that it lasts, a watch takes a hundredth of a core at most (docs/figures.md)."""

    name: TrackerName
    there: Callable[[Path], bool]
    watch: Callable[[Path, U64, int, float], AbstractContextManager[Watch]]
    pages_per_second: int


# The first that a host has is taken.
TRACKERS = (
    Tracker(TrackerName.PAGE_IDLE, page_idle.there, page_idle.watch, 1000),
    Tracker(TrackerName.DAMON, damon.there, damon.watch, 250),
)
_WHICH_KERNELS = (
    "a kernel with CONFIG_IDLE_PAGE_TRACKING (Ubuntu, Arch) or CONFIG_DAMON_PADDR and "
    "CONFIG_DAMON_SYSFS (Debian from 6.12, Fedora, Arch) has one"
)


def find_tracker(root: Path, name: TrackerName) -> Tracker:
    """The tracker called `name`, or the best one there; GhostswapError where there is none such."""
    for tracker in TRACKERS:
        if name in (tracker.name, TrackerName.AUTO) and tracker.there(root):
            return tracker
    what = "nothing" if name is TrackerName.AUTO else f"no {name}"
    raise GhostswapError("--idle", f"this kernel has {what} to track idle pages: {_WHICH_KERNELS}")
