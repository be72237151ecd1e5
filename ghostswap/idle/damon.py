"""Watching pages by DAMON: each page a region of its own, over physical addresses (paddr).

DAMON clears a page's accessed bit, sleeps for an interval, and looks whether it was set: nothing
goes unnoticed between. Aggregating each interval by itself, a region's age is the number of whole
intervals in which that did not change; and with as few regions allowed as there are, none merge.
One region more, the machine's first page, which is on no LRU list and so never seen accessed, has
the number of intervals for its age: the kernel's are longer than asked for on a busy machine.

Its sysfs files belong to nobody: what somebody else set up is left alone, and what a killed run of
ours left is known by its record (ghostswap.idle.damon_record).

Source: Documentation/admin-guide/mm/damon/usage.rst; mm/damon/sysfs.c, sysfs-schemes.c, core.c
(damon_merge_regions_of(), kdamond_split_regions()), paddr.c (Linux 6.12).
"""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.idle.answer import Answer
from ghostswap.idle.damon_record import (
    FOLDER,
    NAME,
    Record,
    fingerprint,
    kept_record,
    thread_began,
)
from ghostswap.idle.ranges import IdleRegions, intervals_untouched, parse_column

U64 = NDArray[np.uint64]
T = TypeVar("T")

KDAMONDS = "sys/kernel/mm/damon/admin/kdamonds"
# Modules that run DAMON by themselves, each with a parameter `enabled`.
_MODULES = ("damon_reclaim", "damon_lru_sort", "damon_stat")
_CLOCK = np.uint64(0)  # address of the region that counts intervals
_FEWEST_REGIONS = 3  # damon_set_attrs()
_NO_LIMIT = 2**32 - 1
_BUSY_TRIES, _BUSY_SECONDS = 50, 0.02
_MOST_BYTES = 4096  # of a sysfs file: a page holds it
_NUMBER_BYTES = 32  # of one that holds a number of 64 bits
_TOTAL = "total_bytes"  # beside the folders of regions
_MARK = "0/contexts/0/monitoring_attrs/intervals/update_us"


class DamonFiles:
    """The files below admin/kdamonds. Tests put a kernel that is made up in its place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / KDAMONDS
        self._prefix = f"{self.folder}/"

    def read(self, name: str) -> str:
        """The content without its newline; OSError passes through."""
        content = self._patiently(name, os.O_RDONLY, lambda fd: os.read(fd, _MOST_BYTES))
        return content.decode().strip()

    def write(self, name: str, text: object) -> None:
        """Write one value; OSError passes through."""
        value = str(text).encode()
        self._patiently(name, os.O_WRONLY, lambda fd: os.write(fd, value))

    def names(self, folder: str) -> list[str]:
        """The entries of a folder; OSError passes through."""
        with os.scandir(self._prefix + folder) as entries:
            return [entry.name for entry in entries]

    # Regions have thousands of files: they are opened from their folder, and none is busy.

    def read_each(self, folder: str, names: Iterable[str]) -> list[bytes]:
        """The numbers in files below a folder; OSError passes through."""
        contents = []
        with self._opened(folder) as place:
            for name in names:
                fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=place)
                try:
                    contents.append(os.read(fd, _NUMBER_BYTES))
                finally:
                    os.close(fd)
        return contents

    def write_each(self, folder: str, values: Iterable[tuple[str, int]]) -> None:
        """Write a number to each file below a folder; OSError passes through."""
        with self._opened(folder) as place:
            for name, value in values:
                fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=place)
                try:
                    os.write(fd, b"%d" % value)
                finally:
                    os.close(fd)

    @contextmanager
    def _opened(self, folder: str) -> Iterator[int]:
        path = self._prefix + folder
        place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield place
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        finally:
            os.close(place)

    def _patiently(self, name: str, flags: int, act: Callable[[int], T]) -> T:
        """Once more while another reader holds DAMON's lock: the kernel does not wait for it."""
        path = self._prefix + name
        for left in range(_BUSY_TRIES, -1, -1):
            fd = os.open(path, flags | os.O_CLOEXEC)
            try:
                return act(fd)
            except OSError as error:
                if error.errno != errno.EBUSY or not left:
                    raise
            finally:
                os.close(fd)
            time.sleep(_BUSY_SECONDS)
        raise AssertionError("the last try returns or raises")


def there(root: Path) -> bool:
    """Whether the host has DAMON's files; which addresses it can watch, it tells only in use."""
    return (root / KDAMONDS / "nr_kdamonds").exists()


@contextmanager
def watch(root: Path, frames: U64, page_size: int, interval: float) -> Iterator["DamonWatch"]:
    """Watch `frames` (distinct numbers) until left; then DAMON is as it was, off.

    Raises GhostswapError where somebody uses DAMON, having written nothing.
    """
    files = DamonFiles(root)
    regions = np.append(_CLOCK, np.sort(frames) * np.uint64(page_size))
    try:
        with kept_record(root) as record:
            _end_leftover(files, record)
            _refuse_if_used(files)
            record.begin(fingerprint(regions, page_size))
            try:
                _claim(files, record.nonce)
                _set_up(files, regions, page_size, interval)
                files.write("0/state", "on")
                pid = int(files.read("0/pid"))
                record.running(pid)
                yield DamonWatch(files, frames, page_size, interval, pid, record.nonce)
            finally:
                if _is_marked(files, record.nonce):
                    _end(files)
                record.forget()
    except OSError as error:
        raise GhostswapError(error.filename or files.folder, os_reason(error)) from None


class DamonWatch:
    """Regions that a thread of the kernel looks at."""

    def __init__(
        self,
        files: DamonFiles,
        frames: U64,
        page_size: int,
        interval: float,
        pid: int,
        nonce: int,
    ) -> None:
        self._files = files
        self._page_size = page_size
        self._addresses = frames * np.uint64(page_size)
        self._interval = interval
        self._pid = pid
        self._nonce = nonce

    def look(self) -> None:
        """The kernel looks by itself."""

    def answer(self) -> Answer:
        """The ages of regions that were not accessed; waits for the end of an interval or two."""
        if not _is_marked(self._files, self._nonce):
            raise GhostswapError("--idle", "somebody else has set DAMON up meanwhile: left alone")
        self._files.write("0/state", "update_schemes_tried_regions")
        intervals = intervals_untouched(self._regions(), np.append(_CLOCK, self._addresses))
        seconds = intervals.astype(np.float64) * self._interval
        return Answer(seconds[1:], float(seconds[0]))

    def kernel_seconds(self) -> float | None:
        """What kdamond took (proc_pid_schedstat() in fs/proc/base.c: nanoseconds)."""
        place = self._files.root / f"proc/{self._pid}/schedstat"
        with suppress(OSError, ValueError, IndexError):
            return int(place.read_bytes().split()[0]) / 1e9
        return None

    def _regions(self) -> IdleRegions:
        """Those that the scheme is for: nothing touched them in the last interval."""
        folder = "0/contexts/0/schemes/0/tried_regions"
        numbers = [name for name in self._files.names(folder) if name != _TOTAL]

        def columns(*files: str) -> list[U64]:
            names = [f"{number}/{file}" for number in numbers for file in files]
            contents = self._files.read_each(folder, names)
            return [parse_column(contents[i :: len(files)]) for i in range(len(files))]

        try:
            start, age = columns("start", "age")
            end = start + np.uint64(self._page_size)
            if self._total(f"{folder}/{_TOTAL}") != len(numbers) * self._page_size:
                (end,) = columns("end")  # some have become one
        except ValueError as error:
            raise GhostswapError(self._files.folder / folder, str(error)) from None
        return IdleRegions(start, end, age)

    def _total(self, name: str) -> int | None:
        """How many bytes the regions are; None where the kernel does not say (before 6.6)."""
        with suppress(OSError):
            return int(self._files.read(name))
        return None


def _refuse_if_used(files: DamonFiles) -> None:
    """GhostswapError where DAMON is set up or runs, by whatever means; only reads."""
    who = None
    if files.read("nr_kdamonds") != "0":
        who = f"{files.folder / 'nr_kdamonds'} is not 0"
    for module in _MODULES:
        enabled = files.root / f"sys/module/{module}/parameters/enabled"
        with suppress(OSError):
            if enabled.read_text().strip() in ("Y", "1"):
                who = f"{module.upper()} runs"
    if who is None and any(_kernel_threads(files.root)):
        who = "a kdamond runs"
    if who is not None:
        raise GhostswapError("--idle", f"DAMON is in use ({who}): left alone, nothing was changed")


def _kernel_threads(root: Path) -> Iterator[str]:
    """Threads of the kernel that are called kdamond."""
    for stat in (root / "proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            head, _, tail = stat.read_bytes().rpartition(b")")
            parent = tail.split()[1:2]
            if b"(kdamond." in head and parent == [b"2"]:
                yield stat.parent.name


def _claim(files: DamonFiles, nonce: int) -> None:
    """Put our mark there; where somebody was faster, the kernel refuses the first write."""
    files.write("nr_kdamonds", 1)
    try:
        files.write("0/contexts/nr_contexts", 1)
        files.write(_MARK, nonce)
    except BaseException:
        files.write("nr_kdamonds", 0)
        raise


def _is_marked(files: DamonFiles, nonce: int) -> bool:
    """Whether what is set up now bears our mark."""
    with suppress(OSError, ValueError):
        return int(files.read(_MARK)) == nonce
    return False


def _set_up(files: DamonFiles, addresses: U64, page_size: int, interval: float) -> None:
    """Everything but switching on."""
    context = "0/contexts/0"
    if "paddr" not in files.read(f"{context}/avail_operations").split():
        raise GhostswapError(
            "--idle", "DAMON of this kernel watches no physical addresses (CONFIG_DAMON_PADDR)"
        )
    files.write(f"{context}/operations", "paddr")
    regions = max(len(addresses), _FEWEST_REGIONS)
    for name, value in (
        ("intervals/aggr_us", round(interval * 1e6)),
        ("intervals/sample_us", round(interval * 1e6)),
        ("nr_regions/max", regions),
        ("nr_regions/min", regions),
    ):
        files.write(f"{context}/monitoring_attrs/{name}", value)
    files.write(f"{context}/targets/nr_targets", 1)
    target = f"{context}/targets/0/regions"
    files.write(f"{target}/nr_regions", len(addresses))
    starts = addresses.tolist()
    edges = ((("start", start), ("end", start + page_size)) for start in starts)
    files.write_each(
        target, ((f"{i}/{name}", edge) for i, both in enumerate(edges) for name, edge in both)
    )
    files.write(f"{context}/schemes/nr_schemes", 1)
    scheme = f"{context}/schemes/0"
    files.write(f"{scheme}/action", "stat")
    for name, least, most in (
        ("sz", 0, 2**63 - 1),
        ("nr_accesses", 0, 0),  # only those that nothing touched come back
        ("age", 1, _NO_LIMIT),
    ):
        files.write(f"{scheme}/access_pattern/{name}/max", most)
        files.write(f"{scheme}/access_pattern/{name}/min", least)


def end_leftover(root: Path) -> None:
    """End what a run of ours left that was killed, before a watch by other means; what may be
    somebody else's stays."""
    with suppress(OSError, GhostswapError):
        if (root / FOLDER / NAME).stat().st_size:
            with kept_record(root) as record:
                _end_leftover(DamonFiles(root), record)


def _end_leftover(files: DamonFiles, record: Record) -> None:
    """End what a run of ours left that was killed; anything else is not touched."""
    if record.left and files.read("nr_kdamonds") == "1" and _is_ours(files, record):
        _end(files)
    record.forget()


def _is_ours(files: DamonFiles, record: Record) -> bool:
    """Whether what is set up bears our mark; and, where it runs, watches just the regions that our
    record says, by the very thread that it names."""
    if not _is_marked(files, record.nonce):
        return False
    try:
        if files.read("0/state") == "off":
            return True
        pid = int(files.read("0/pid"))
        if record.pid is not None and record.thread != (pid, thread_began(files.root, pid)):
            return False
        regions = "0/contexts/0/targets/0/regions"
        number = int(files.read(f"{regions}/nr_regions"))
        names = [f"{each}/start" for each in range(number)]
        starts = [int(each) for each in files.read_each(regions, names)]
        size = int(files.read(f"{regions}/0/end")) - starts[0] if starts else 0
    except (OSError, ValueError):
        return False
    return fingerprint(np.array(starts, dtype=np.uint64), size) == record.regions


def _end(files: DamonFiles) -> None:
    """Switch off and remove; what is off or gone already is fine."""
    with suppress(OSError):
        files.write("0/state", "off")
    files.write("nr_kdamonds", 0)
