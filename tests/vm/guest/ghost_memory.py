"""In a guest: what memory swapped to a device-mapper ghost comes to, in the cases that differ.

Prints an object of the cases: `split` and `whole` (huge pages, as `on` has them and as they would
be without), `single` (single pages), `refused` and `forbidden` (a full pool, zswap free to write
back and not), and `off` (memory that `off` had, and what was used in the area). Bytes, and lines in
the kernel's log. The full pools hold `limit`, `pool`, and what a try to store TRY bytes more stored
once the pool was below the limit but above accept_threshold_percent (`above`), and below (`below`);
or, where zswap may write back, what it `settled` at.
"""

import json
import mmap
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from tests.vm.guest import swapping
from tests.vm.guest.ghost_on_off import ghostswap, left_behind, meminfo, write_errors

MADV_HUGEPAGE = 14
HUGE = 2 << 20
SIZE = 512 << 20
STEP = 64 * swapping.PAGE  # as many slots are freed at once
TRY = 1 << 20
ZSWAP = Path("/sys/module/zswap/parameters")
COUNTERS = Path("/sys/kernel/debug/zswap")
WRITEBACK = Path("/sys/fs/cgroup/memory.zswap.writeback")
BALLAST = Path("/run/ballast")
HALF = random.Random(1).randbytes(swapping.PAGE // 2).ljust(swapping.PAGE, b"\0")
"""A page that compresses to about half of its size."""


def counter(name: str) -> int:
    """One of zswap's counters in debugfs: pages since boot."""
    return int((COUNTERS / name).read_text())


def pushed_out(memory: mmap.mmap) -> dict[str, int]:
    """The numbers once `memory` was pushed out, and proof that it came back as it was."""
    digest, errors = blake2b(memory).digest(), write_errors()
    memory.madvise(swapping.MADV_PAGEOUT)
    numbers = {
        "zswapped": meminfo("Zswapped"),
        "write_errors": write_errors() - errors,
    }
    assert blake2b(memory).digest() == digest
    return numbers


def huge_pages(huge: int) -> mmap.mmap:
    """Memory of `huge` bytes in huge pages, which are there."""
    room = mmap.mmap(-1, huge + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room.madvise(MADV_HUGEPAGE)
    for page in range(0, len(room), swapping.PAGE):
        room[page : page + swapping.PAGE] = HALF
    smaps = Path("/proc/self/smaps_rollup").read_text()
    match = re.search(r"^AnonHugePages: +(\d+) kB$", smaps, re.MULTILINE)
    assert match is not None
    assert int(match[1]) * 1024 >= huge, "no huge pages to be had"
    return room


def single_pages(size: int) -> mmap.mmap:
    room = swapping.memory(size)
    for page in range(0, size, swapping.PAGE):
        room[page : page + swapping.PAGE] = HALF
    return room


def split(size: int) -> dict[str, int]:
    ghostswap("on", "--size", SIZE)
    numbers = pushed_out(huge_pages(size))
    ghostswap("off")
    return numbers


def whole(size: int) -> dict[str, int]:
    """The lines of --dry-run without the one for huge pages."""
    ghost = Path("/run/ghost")
    ghostswap("mkghost", ghost, "--size", SIZE)
    lines = ghostswap("on", ghost, "--dry-run").splitlines(keepends=True)
    script = "".join(line for line in lines if "rotational" not in line)
    script = script.replace("dmsetup create", "dmsetup --noudevsync create")
    script = script.replace("/dev/mapper/ghostswap-ghost", "/dev/dm-0")
    subprocess.run(["sh", "-e"], input=script, text=True, check=True)
    numbers = pushed_out(huge_pages(size))
    ghostswap("off")
    return numbers


def single(size: int) -> dict[str, int]:
    ghostswap("on", "--size", SIZE)
    numbers = pushed_out(single_pages(size))
    ghostswap("off")
    return numbers


def full_pool(*options: str) -> dict[str, int]:
    """A pool of 1 %, and memory that it cannot hold; then room is made in it, little by little."""
    percent = (ZSWAP / "max_pool_percent").read_text()
    (ZSWAP / "max_pool_percent").write_text("1")
    ghostswap("on", "--size", SIZE, *options)
    limit = meminfo("MemTotal") // 100
    errors, moved = write_errors(), counter("written_back_pages")
    memory = single_pages(64 << 20)
    memory.madvise(swapping.MADV_PAGEOUT)
    numbers = {"limit": limit, "pool": meminfo("Zswap"), "zswapped": meminfo("Zswapped")}
    if not options and WRITEBACK.exists():
        wait_for_writeback(beyond=moved)
    else:
        numbers["above"] = stored_after_freeing(memory, 0, until=limit * 96 // 100)
        numbers["below"] = stored_after_freeing(memory, len(memory) // 4, until=limit * 88 // 100)
    numbers["write_errors"] = write_errors() - errors
    numbers["written_back"] = counter("written_back_pages") - moved
    ghostswap("off")
    for page in range(0, len(memory), swapping.PAGE):
        assert memory[page : page + swapping.PAGE] in (HALF, bytes(swapping.PAGE)), page
    (ZSWAP / "max_pool_percent").write_text(percent)
    return numbers


def wait_for_writeback(beyond: int, seconds: float = 60) -> None:
    """Until the kernel's worker has counted a page as written back, if it ever does."""
    end = time.monotonic() + seconds
    while counter("written_back_pages") <= beyond and time.monotonic() < end:
        time.sleep(0.1)


def stored_after_freeing(memory: mmap.mmap, begin: int, until: int) -> int:
    """What zswap stores of TRY bytes after pages of `memory` from `begin` on were freed, until the
    pool is below `until` bytes."""
    for page in range(begin, len(memory), STEP):
        if meminfo("Zswap") < until:
            break
        memory.madvise(mmap.MADV_DONTNEED, page, STEP)
    assert meminfo("Zswap") < until
    before = meminfo("Zswapped")
    more = single_pages(TRY)
    more.madvise(swapping.MADV_PAGEOUT)
    return meminfo("Zswapped") - before


@contextmanager
def only_available(left: int) -> Iterator[None]:
    """All memory but `left` bytes taken by what cannot be swapped out."""
    BALLAST.mkdir(exist_ok=True)
    swapping.run("mount", "-t", "ramfs", "ballast", BALLAST)
    try:
        with (BALLAST / "file").open("wb") as file:
            for _ in range(meminfo("MemAvailable") - left >> 20):
                file.write(bytes(1 << 20))
        yield
    finally:
        swapping.run("umount", BALLAST)


def off_in_little_memory() -> dict[str, int]:
    """`off` brings back more than is available, since the pool shrinks meanwhile."""
    ghostswap("on", "--size", SIZE)
    memory = single_pages(224 << 20)
    digest = blake2b(memory).digest()
    memory.madvise(swapping.MADV_PAGEOUT)
    with only_available(180 << 20):
        numbers = {
            "available": meminfo("MemAvailable"),
            "used": meminfo("SwapTotal") - meminfo("SwapFree"),
            "pool": meminfo("Zswap"),
        }
        ghostswap("off")
    assert blake2b(memory).digest() == digest
    return numbers


def main() -> dict[str, dict[str, int]]:
    for name in ("lzo", "lzo-rle", "zsmalloc", "loop", "dm_mod"):
        swapping.module(name)
    (ZSWAP / "enabled").write_text("1")
    (ZSWAP / "zpool").write_text("zsmalloc")
    huge = 16 << 20
    cases: dict[str, Callable[[], dict[str, int]]] = {
        "whole": lambda: whole(huge),
        "split": lambda: split(huge),
        "single": lambda: single(huge),
        "refused": full_pool,
        "forbidden": lambda: full_pool("--no-writeback"),
        "off": off_in_little_memory,
    }
    if not WRITEBACK.exists():
        del cases["forbidden"]
    facts = {}
    for name, case in cases.items():
        begin = time.monotonic()
        facts[name] = case()
        facts[name]["seconds"] = round(time.monotonic() - begin)
        assert left_behind() == []
    return facts


if __name__ == "__main__":
    print(json.dumps(main()))
