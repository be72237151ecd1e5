"""What reading a process under memory pressure brings back from swap is little, and is told."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.estimates import estimate
from tests.kernel.test_live import MIB, swapfile

_PAGES = 40_000
_TARGET = f"""
import mmap, sys
area = mmap.mmap(-1, {_PAGES} * 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(mmap.MADV_NOHUGEPAGE)
for at in range({_PAGES}):
    area[at * 4096 : at * 4096 + 4] = (at + 1).to_bytes(4, "little")
print("ready", flush=True)
sys.stdin.read()
"""
_TOLD = re.compile(r"(\d+) of its pages went to swap while they were being read")


def swapped(which: str) -> int:
    """Pages of the machine that came from swap (pswpin) or went there (pswpout) so far."""
    lines = Path("/proc/vmstat").read_text().splitlines()
    return int(dict(line.split() for line in lines)[which])


@contextmanager
def group() -> Iterator[tuple[Path, Path]]:
    """A control group for one process: the folder, and the file that takes its limit."""
    for root, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        folder = root / "ghostswap-test-pressure"
        if limit == "memory.max" and (root / "cgroup.subtree_control").exists():
            (root / "cgroup.subtree_control").write_text("+memory")
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / limit).exists():
                yield folder, folder / limit
                return
        finally:
            for _ in range(50):  # until the kernel has let go of the process
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)
    pytest.skip("no control group of memory can be made here")


@contextmanager
def one_page_at_a_time() -> Iterator[None]:
    """No read-ahead from swap: what comes in was wanted."""
    setting = Path("/proc/sys/vm/page-cluster")
    before = setting.read_text()
    setting.write_text("0")
    try:
        yield
    finally:
        setting.write_text(before)


def test_what_reading_brings_back_is_little_and_is_told(tmp_path: Path) -> None:
    with (
        swapfile(tmp_path, 256 * MIB),
        one_page_at_a_time(),
        group() as (folder, limit),
        subprocess.Popen(
            [sys.executable, "-S", "-c", _TARGET],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=lambda: (folder / "cgroup.procs").write_text(str(os.getpid())),
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"

            def squeeze() -> None:
                for mebibytes in range(160, 40, -1):
                    with suppress(OSError):  # v1: it could not reclaim so much
                        limit.write_text(str(mebibytes * MIB))
                    time.sleep(0.05)

            came, went, warned, scans = swapped("pswpin"), swapped("pswpout"), 0, 0
            thread = threading.Thread(target=squeeze)
            thread.start()
            while thread.is_alive():
                (source,) = estimate("--pid", process.pid, "--quiet")["sources"]
                warned += sum(int(each[1]) for each in map(_TOLD.match, source["warnings"]) if each)
                scans += 1
            thread.join()
            came, went = swapped("pswpin") - came, swapped("pswpout") - went
        finally:
            process.stdin.close()
    print(f"{scans} scans: {went} pages went to swap, {came} came back, {warned} told")
    assert went > _PAGES // 4, "there was no pressure"
    # What of the tool itself or of others comes back besides is not told.
    assert abs(came - warned) <= max(16, came // 5)
    assert came < went // 50
