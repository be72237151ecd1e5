"""In a guest: a real server under memory.high, swapping to zswap on a ghost as planned before.

Arguments: how many records each program holds, for how many seconds its idle pages are watched, and
which programs of guest/servers.py. `plan --idle` is asked about each; then its group's memory.high
is lowered, while its records are being asked for, until as many pages are swapped out as planned.
Prints, by program, `planned` (the plan's document) and the kernel's counters at that moment
(`pressed`), after a while of work under that limit (`worked`), and once zsmalloc closed the holes
in its pool, as it does where the whole machine runs short of memory (`compacted`).
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.vm.guest import swapping
from tests.vm.guest.ghost_memory import ZSWAP, counter
from tests.vm.guest.idle import GROUP, age, multigenerational, quietly
from tests.vm.guest.servers import PROGRAMS
from tests.vm.guest.swapping import PAGE

WORK = 4
"""It is over once a page was read back for every so many that were planned."""

_SIZE = 512 << 20
_TRIES = 200
_LEAST = 32  # pages at once: as many as reclaim takes
_WORKS_WITHIN = 120.0  # seconds, in software emulation
_DROP_SLAB = "2"


def _plan(pid: int, seconds: float) -> Any:
    words = ("--pid", pid, "--idle", f"{seconds}s", "--tracker", "damon")
    status, printed, complaint = quietly("plan", *words, "--json", "--quiet")
    assert status == 0, complaint
    return json.loads(printed)


def _fields(path: Path) -> dict[str, int]:
    """The lines of a file, each a name and a number."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {name: int(number) for name, number in lines}


def _zero_pages() -> int:
    """Pages that are a bit of the area, as zswap never gets them."""
    vmstat = _fields(Path("/proc/vmstat"))
    return vmstat["swpout_zero"] - vmstat["swpin_zero"]


def _read_back_pages() -> int:
    return _fields(Path("/proc/vmstat"))["zswpin"]


def _counters() -> dict[str, int]:
    """Of zswap, which nothing else uses: pages in it and read back from it, bytes of its pool; and
    of the group, bytes of memory that it says are in zswap."""
    return {
        "stored_pages": counter("stored_pages"),
        "zero_pages": _zero_pages(),
        "pool_bytes": counter("pool_total_size"),
        "read_back_pages": _read_back_pages(),
        "zswapped_bytes": _fields(GROUP / "memory.stat")["zswapped"],
    }


def _press(planned_pages: int, pool_bytes_per_page: float, zero_pages: int) -> None:
    """Lower memory.high until as many pages are swapped out, half of what is left at once."""
    for _ in range(_TRIES):
        left = planned_pages - counter("stored_pages") - (_zero_pages() - zero_pages)
        if left <= 0:
            break
        freed = int(max(left // 2, _LEAST) * (PAGE - pool_bytes_per_page))
        current = int((GROUP / "memory.current").read_text())
        (GROUP / "memory.high").write_text(str(current - freed))


def _work(pages: int) -> None:
    """Until so many pages were read back."""
    until, begin = time.monotonic() + _WORKS_WITHIN, _read_back_pages()
    while _read_back_pages() < begin + pages and time.monotonic() < until:
        time.sleep(0.2)


def _come_true(pid: int, seconds: float) -> dict[str, Any]:
    planned = _plan(pid, seconds)
    age()
    sizing, before = planned["plans"][0], _counters()
    _press(sizing["used_slots"], sizing["pool_bytes_per_slot"], before["zero_pages"])
    pressed = _counters()
    _work(sizing["used_slots"] // WORK)
    worked = _counters()
    Path("/proc/sys/vm/drop_caches").write_text(_DROP_SLAB)
    compacted = _counters()
    return {
        "planned": planned,
        "before": before,
        "pressed": pressed,
        "worked": worked,
        "compacted": compacted,
    }


def main(records: int, seconds: float, names: list[str]) -> dict[str, Any]:
    """Each program by itself."""
    multigenerational()
    swapping.only_huge_pages_asked_for()
    Path("/proc/sys/vm/swappiness").write_text("200")  # anonymous pages first
    Path("/sys/fs/cgroup/cgroup.subtree_control").write_text("+memory")
    GROUP.mkdir()
    for name in ("zstd", "zsmalloc", "loop", "dm_mod"):
        swapping.module(name)
    for name, value in (("enabled", "1"), ("compressor", "zstd"), ("zpool", "zsmalloc")):
        (ZSWAP / name).write_text(value)
    status, _, complaint = quietly("on", "--size", _SIZE)
    assert status == 0, complaint
    facts = {}
    for name in names:
        with PROGRAMS[name](records) as pid:
            facts[name] = _come_true(pid, seconds)
        (GROUP / "memory.high").write_text("max")
    return facts


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])))
