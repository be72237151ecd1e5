"""What the estimate says of KSM is what ksmd does with the same pages."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dumps import PAGE, mixed_dump
from tests.estimates import estimate, system

KSM = Path("/sys/kernel/mm/ksm")
SETTLED_SCANS = 6  # a page is merged at the third look at the latest; the rest is margin

_MERGEABLE = """
import mmap, sys
data = open(sys.argv[1], "rb").read()
area = mmap.mmap(-1, len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(mmap.MADV_NOHUGEPAGE)
area.write(data)
del data
area.madvise(mmap.MADV_MERGEABLE)
print("ready", flush=True)
sys.stdin.read()
"""


def counter(name: str) -> int:
    return int((KSM / name).read_text())


def mergeable_elsewhere() -> Path | None:
    """A process that has asked for KSM (VmFlags: mg), if there is one."""
    for smaps in Path("/proc").glob("[0-9]*/smaps"):
        with contextlib.suppress(OSError):
            if any(" mg" in line for line in smaps.read_text().splitlines() if "VmFlags" in line):
                return smaps.parent
    return None


@pytest.fixture
def ksmd() -> Iterator[None]:
    """ksmd running fast; its settings as before afterwards, and nothing left merged."""
    if not KSM.is_dir():
        pytest.skip("this kernel has no KSM")
    if counter("run") != 0 or counter("pages_shared") != 0:
        pytest.skip("KSM is in use on this machine: its counters are not ours alone")
    if owner := mergeable_elsewhere():
        pytest.skip(f"{owner} has mergeable memory (a virtual machine?): it would be counted too")
    settings = {"pages_to_scan": "20000", "sleep_millisecs": "0", "smart_scan": "0"}
    before = {name: (KSM / name).read_text() for name in settings if (KSM / name).exists()}
    try:
        for name in before:
            (KSM / name).write_text(settings[name])
        (KSM / "run").write_text("1")
        yield
    finally:
        (KSM / "run").write_text("2")  # unmerge what is left
        (KSM / "run").write_text("0")
        for name, value in before.items():
            (KSM / name).write_text(value)


# The same pages offered, not offered, and in shared memory, which is offered in vain.
_IN_PART = """
import mmap, sys
data = open(sys.argv[1], "rb").read()
areas = []
for kind in (mmap.MAP_PRIVATE, mmap.MAP_PRIVATE, mmap.MAP_SHARED):
    area = mmap.mmap(-1, len(data), flags=kind | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    area.write(data)
    areas.append(area)
del data
areas[0].madvise(mmap.MADV_MERGEABLE)
areas[2].madvise(mmap.MADV_MERGEABLE)
print("ready", flush=True)
sys.stdin.read()
"""
_ALL_OFFERED = """
import ctypes, sys
print(ctypes.CDLL(None).prctl(67, 1, 0, 0, 0), flush=True)  # PR_SET_MEMORY_MERGE
sys.stdin.read()
"""


def settle() -> None:
    """Wait until ksmd has merged all that it will."""
    until = counter("full_scans") + SETTLED_SCANS
    deadline = time.monotonic() + 60
    while counter("full_scans") < until:
        assert time.monotonic() < deadline, "ksmd did not settle in a minute"
        time.sleep(0.05)


@contextlib.contextmanager
def running(program: str, *arguments: object) -> Iterator[tuple[int, bytes]]:
    """A process that runs `program` and has said a line; its number, and the line."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.pid, process.stdout.readline()
        finally:
            process.kill()


@pytest.mark.usefixtures("ksmd")
def test_ksm_merges_what_it_was_offered_and_the_rest_is_said_to_be_left(tmp_path: Path) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    pages = dump.stat().st_size // PAGE
    (KSM / "run").write_text("0")  # merged pages would be counted as one
    with running(_IN_PART, dump) as (pid, _):
        now = estimate("--pid", pid)["ksm"]
        (KSM / "run").write_text("1")
        settle()
        names = ["pages_shared", "pages_sharing", "general_profit"]
        real = {name: counter(name) for name in names if (KSM / name).exists()}
    assert not now["running"]
    assert (now["eligible_pages"], now["shared_memory_pages"]) == (pages, pages)
    assert now["not_offered_pages"] >= pages
    assert {name: now["sharing"][name] for name in real} == real


@pytest.mark.usefixtures("ksmd")
def test_a_process_may_offer_all_of_its_private_pages() -> None:
    (KSM / "run").write_text("0")
    with running(_ALL_OFFERED) as (pid, answer):
        if answer.strip() != b"0":
            pytest.skip("this kernel has no PR_SET_MEMORY_MERGE (6.4)")
        now = estimate("--pid", pid)["ksm"]
    assert now["eligible_pages"] > 0
    assert now["not_offered_pages"] == 0


@pytest.mark.usefixtures("ksmd")
def test_ksm_shares_what_the_estimate_says(tmp_path: Path) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    with running(_MERGEABLE, dump):
        settle()
        names = ["pages_shared", "pages_sharing", "general_profit"]
        real = {name: counter(name) for name in names if (KSM / name).exists()}
    estimated = system(estimate(dump), "ksm", algorithm=None)
    assert {name: estimated[name] for name in real} == real
