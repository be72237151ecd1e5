"""Memory in many pieces is counted page by page as the kernel counts it, in bounded memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ghostswap.host import pagemap
from ghostswap.host.maps import parse_area
from tests.dumps import PAGE
from tests.estimates import estimate
from tests.faults import measured

# Each makes memory of its kind, `count` pieces of it, and prints where it begins and ends.
# How many pages /proc/PID/status may be behind: each thread keeps up to 66 to itself until 6.1
# (mm/memory.c, check_sync_rss_stat()), each CPU 32 of either counter since (percpu_counter_batch).
RSS_LAG = 128
_BEGIN = """
import ctypes, mmap, os, resource, sys
count, kept = int(sys.argv[1]), []
def span(area):
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    print(start, start + len(area), flush=True)
def fill(area, every, count):
    for byte in range(3):  # the number of the page, so that no two are equal
        values = bytes((at >> 8 * byte) + 1 & 255 for at in range(count))
        area[byte : every * count : every] = values
"""
_END = "\nsys.stdin.read()\n"
_KINDS = {
    "small pages": """
area = mmap.mmap(-1, 8192 * count, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
area.madvise(mmap.MADV_NOHUGEPAGE)
fill(area, 8192, count)
span(area)
""",
    "huge pages": """
area = mmap.mmap(-1, 8192 * count + (4 << 20), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(mmap.MADV_HUGEPAGE)
fill(area, 4096, 2 * count + 1024)
for at in range(count):
    area.madvise(mmap.MADV_DONTNEED, 8192 * at, 4096)
span(area)
""",
    "many mappings": """
for at in range(count):  # of other rights each time, so that they stay apart
    area = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 3 + at % 2 * 4)
    area[:4] = at.to_bytes(4, "little")
    kept.append(area)
print(0, 1 << 47, flush=True)
""",
    "shared mappings": """
fd = os.memfd_create("pieces")
os.ftruncate(fd, 64 * 4096)
libc = ctypes.CDLL(None)  # mmap.mmap would keep a descriptor for each
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p] + [ctypes.c_size_t] * 5
values = bytes(range(1, 33))
for at in range(count // 32 + 1):
    start = libc.mmap(None, 64 * 4096, 3, mmap.MAP_SHARED, fd, 0)
    memoryview((ctypes.c_char * (64 * 4096)).from_address(start)).cast("B")[::8192] = values
print(0, 1 << 47, flush=True)
""",
    "the stack": """
resource.setrlimit(resource.RLIMIT_STACK, (1 << 30, resource.RLIM_INFINITY))
sys.setrecursionlimit(1 << 30)
nested = []
for _ in range(60 * count):
    nested = [nested]
try:
    repr(nested)
except RecursionError:
    pass
libc = ctypes.CDLL(None)
for line in open("/proc/self/maps"):
    if "[stack]" in line:
        start, end = (int(each, 16) for each in line.split()[0].split("-"))
for at in range(start, end - (128 << 10), 8192):
    libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(4096), 4)
print(start, end, flush=True)
""",
}


@contextmanager
def memory(kind: str, count: int) -> Iterator[tuple[int, int, int]]:
    """A process with such memory, and where that begins and ends."""
    command = [sys.executable, "-S", "-c", _BEGIN + _KINDS[kind] + _END, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            start, end = map(int, process.stdout.readline().split())
            yield process.pid, start, end
        finally:
            process.stdin.close()


def resident(pid: int) -> int:
    """RssAnon + RssShmem, in pages."""
    return sum(status_kib(pid, each) for each in (b"RssAnon", b"RssShmem")) * 1024 // PAGE


def status_kib(pid: int | str, field: bytes) -> int:
    """A size out of /proc/PID/status, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_bytes().split(b"\n")
    return int(dict(line.split(b":", 1) for line in lines if b":" in line)[field].split()[0])


def meminfo(field: str) -> int:
    """A size out of /proc/meminfo, in KiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return int(dict(line.split(":") for line in lines)[field].split()[0])


def pages_found(pid: int, start: int, end: int) -> list[int]:
    """The pages between two addresses that swap could take, as often as they are met."""
    with Path(f"/proc/{pid}/maps").open("rb") as file:
        areas = [area for area in map(parse_area, file) if not area.name.startswith(b"[v")]
    of_interest = pagemap.MappedRanges(
        np.array([max(area.start, start) for area in areas if area.start < end > start]),
        np.array([min(area.end, end) for area in areas if area.start < end > start]),
        np.array([not area.name.startswith(b"/memfd:") for area in areas if area.start < end]),
    )
    numbers: list[int] = []
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as file:
        for ranges in pagemap.swappable(file.fileno(), of_interest, PAGE):
            for at, length in zip(ranges.start.tolist(), ranges.length.tolist(), strict=True):
                numbers += range(at // PAGE, (at + length) // PAGE)
    return numbers


_SIZES = [1, 511, 512, 513, 1025]
_CASES = [
    *[("small pages", count) for count in [*_SIZES, 40_000]],
    *[("huge pages", count) for count in _SIZES],
    *[("many mappings", count) for count in [*_SIZES, 30_000]],
    *[("the stack", count) for count in (511, 1025)],
]


@pytest.mark.parametrize(("kind", "count"), _CASES)
def test_every_piece_is_counted_once(kind: str, count: int) -> None:
    with memory(kind, count) as (pid, _, _):
        for _ in range(5):
            before = resident(pid)
            (source,) = estimate("--pid", pid, "--quiet")["sources"]
            there = resident(pid)
            if abs(there - before) <= RSS_LAG:
                break  # khugepaged did not fill holes meanwhile
    assert source["pages"] >= count
    assert abs(source["pages"] - there) <= RSS_LAG
    assert source["warnings"] == []


@pytest.mark.parametrize("count", [1025, 40_000])
def test_a_page_that_is_mapped_many_times_is_counted_once(count: int) -> None:
    with memory("shared mappings", count) as (pid, _, _):
        document = estimate("--pid", pid, "--group-by", "mapping", "--quiet")
        there = resident(pid)
    assert there > count
    (shmem,) = (group for group in document["groups"] if group["name"] == "shmem")
    assert shmem["pages"] == 32


@pytest.mark.parametrize(("kind", "count"), [*_CASES, ("shared mappings", 5000)])
def test_both_ways_to_read_the_pagemap_agree(
    kind: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with memory(kind, count) as (pid, start, end):
        if (start, end) == (0, 1 << 47):  # apart from what Python itself has and reads as zeros
            start = int(Path(f"/proc/{pid}/maps").read_text().partition("-")[0], 16)
        with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as file:
            if not pagemap.has_pagemap_scan(file.fileno()):
                pytest.skip("this kernel has no PAGEMAP_SCAN (before 6.7)")
        by_scan = pages_found(pid, start, end)
        monkeypatch.setattr(pagemap, "has_pagemap_scan", lambda fd: False)
        by_entry = pages_found(pid, start, end)
    assert len(by_scan) == len(set(by_scan)) >= count
    assert sorted(set(by_entry)) == by_entry
    # Only reading entries cannot tell the shared zero page.
    assert set(by_scan) <= set(by_entry)
    assert len(by_entry) - len(by_scan) < 100


def test_a_million_pieces_are_counted_in_the_memory_that_is_stated() -> None:
    if meminfo("MemAvailable") < 6 << 20:
        pytest.skip("needs 6 GiB of memory: a million pages, each apart from the others")
    with memory("small pages", 1_000_000) as (pid, _, _):
        run = measured.estimate("--pid", pid, "--quiet")
        there = resident(pid)
    assert run.status == 0, run.errors
    pages = json.loads(run.output)["pages"]["total"]
    assert abs(pages - there) <= RSS_LAG
    assert run.peak < measured.FIXED_BYTES + measured.BYTES_A_PAGE * pages
    print(f"a million pieces: {run.peak >> 20} MiB, {run.seconds:.0f} s")


def test_pages_mapped_over_and_over_cost_no_memory() -> None:
    with memory("shared mappings", 1_600_000) as (pid, _, _):  # 50,000 mappings of 32 pages
        run = measured.estimate("--pid", pid, "--quiet")
    assert run.status == 0, run.errors
    pages = json.loads(run.output)["pages"]["total"]
    assert run.peak < measured.FIXED_BYTES + measured.BYTES_A_PAGE * pages
    print(f"50,000 mappings of the same pages: {run.peak >> 20} MiB, {run.seconds:.0f} s")


def test_all_is_what_the_kernel_says_is_mapped() -> None:
    def mapped() -> int:
        """Anonymous memory and shared memory that is mapped, of the whole machine, in pages."""
        total = meminfo("AnonPages")
        for rollup in Path("/proc").glob("[0-9]*/smaps_rollup"):
            try:
                fields = dict(line.split(":", 1) for line in rollup.read_text().split("\n")[1:-1])
            except PermissionError:  # what is left out as unreadable counts all the same
                total += status_kib(rollup.parent.name, b"RssShmem")
                continue
            except OSError:
                continue  # it has ended, or has no memory
            total += int(fields["Pss_Shmem"].split()[0])
        return total * 1024 // PAGE

    with memory("small pages", 65536):
        for _ in range(5):
            before = mapped()
            sources = estimate("--all", "--quiet")["sources"]
            if abs(mapped() - before) < before / 200:
                break
        else:
            pytest.skip("the memory of this machine changes by more than 0.5 % meanwhile")
    counted = sum(source["pages"] + source["unreadable_pages"] for source in sources)
    assert abs(counted - before) < before / 100
