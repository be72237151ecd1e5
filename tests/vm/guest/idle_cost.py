"""In a guest: what watching pages takes of the processor, and what such system calls take there.

Arguments: the tracker, how many pages, and for how many seconds to watch, once for each. Prints, by
seconds, the share of a core, what of it each step took (seconds) and how long it lasted; and what
`calls()` says before and after. `python -m tests.vm.guest.idle_cost` asks it of any kernel.
"""

import functools
import json
import mmap
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from ghostswap.idle import damon, page_idle
from ghostswap.idle import watch as watching
from ghostswap.idle.tracker import find_tracker
from ghostswap.idle.trackers import TrackerName

PAGE = mmap.PAGESIZE
_CALLS, _TRIES = 2_000, 5
_STEPS = (
    (watching, "look_up"),
    (damon, "_refuse_if_used"),
    (damon, "_set_up"),
    (damon.DamonWatch, "answer"),
    (damon.DamonWatch, "_regions"),
    (damon, "_end"),
    (page_idle.BitmapWatch, "__init__"),
    (page_idle.BitmapWatch, "look"),
)


def calls() -> dict[str, float]:
    """What system calls like those of a watch take here, in microseconds of processor time each:
    the best of a few times 2,000."""
    files = [os.fsencode(path) for path in Path("/sys/devices/virtual/tty").glob("tty*/dev")]
    pagemap = os.open("/proc/self/pagemap", os.O_RDONLY)
    page = np.zeros(PAGE, dtype=np.uint8).ctypes.data // PAGE

    def sysfs() -> None:
        for number in range(_CALLS):
            fd = os.open(files[number % len(files)], os.O_RDONLY)
            os.read(fd, PAGE)
            os.close(fd)

    def pread() -> None:
        for _ in range(_CALLS):
            os.pread(pagemap, 8, page * 8)

    def folders() -> None:
        """Made with two files in each, which are written to, and removed: as regions are."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            for number in range(_CALLS):
                os.mkdir(f"{folder}/{number}")  # noqa: PTH102
                for name in ("start", "end"):
                    fd = os.open(f"{folder}/{number}/{name}", os.O_WRONLY | os.O_CREAT)
                    os.write(fd, b"4096")
                    os.close(fd)
            for number in range(_CALLS):
                for name in ("start", "end"):
                    os.unlink(f"{folder}/{number}/{name}")  # noqa: PTH108
                os.rmdir(f"{folder}/{number}")  # noqa: PTH106

    def took(what: Callable[[], None]) -> float:
        begin = time.process_time()
        what()
        return (time.process_time() - begin) / _CALLS * 1e6

    return {
        each.__name__: min(took(each) for _ in range(_TRIES)) for each in (sysfs, pread, folders)
    }


def timed(place: Any, name: str, took: dict[str, float]) -> Any:
    """Count the processor time of a function, which stays as it is."""
    act = getattr(place, name)

    @functools.wraps(act)
    def counted(*arguments: Any, **named: Any) -> Any:
        begin = time.process_time()
        try:
            return act(*arguments, **named)
        finally:
            took[name] += time.process_time() - begin

    return patch.object(place, name, counted)


def cost(tracker: str, addresses: Any, seconds: float) -> dict[str, Any]:
    """Watch pages of this process."""
    took: dict[str, float] = defaultdict(float)
    pids = np.full(len(addresses), os.getpid())
    with ExitStack() as stack:
        for place, name in _STEPS:
            stack.enter_context(timed(place, name, took))
        begin = time.monotonic()
        outcome = watching.watch(
            find_tracker(Path("/"), TrackerName(tracker)), pids, addresses, PAGE, seconds
        )
        lasted = time.monotonic() - begin
    return {
        "share": outcome.cpu_share,
        "lasted": lasted,
        "followed": int(outcome.followed.sum()),
        "idle": int(outcome.idle.sum()),
        "took": took,
    }


@contextmanager
def pages(number: int) -> Iterator[Any]:
    """Addresses of so many small pages, every other of twice as many."""
    with mmap.mmap(-1, 2 * number * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        view = np.frombuffer(memory, dtype=np.uint8)
        view[::PAGE] = 1
        yield view.ctypes.data + np.arange(0, 2 * number, 2) * PAGE
        del view


def main(tracker: str, number: int, seconds: list[float]) -> dict[str, Any]:
    """One watch after another."""
    before = calls()
    with pages(number) as addresses:
        watches = {f"{each:g}": cost(tracker, addresses, each) for each in seconds}
    return {"before": before, "after": calls(), **watches}


if __name__ == "__main__":
    match sys.argv[1:]:
        case [tracker, number, *seconds]:
            print(json.dumps(main(tracker, int(number), [float(each) for each in seconds])))
        case _:
            print(json.dumps(calls()))
