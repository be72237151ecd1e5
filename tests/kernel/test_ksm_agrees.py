"""What the estimate says of KSM is what ksmd does with the same pages."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dumps import mixed_dump
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


@pytest.mark.usefixtures("ksmd")
def test_ksm_shares_what_the_estimate_says(tmp_path: Path) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    with subprocess.Popen(
        [sys.executable, "-c", _MERGEABLE, dump], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            until = counter("full_scans") + SETTLED_SCANS
            deadline = time.monotonic() + 60
            while counter("full_scans") < until:
                assert time.monotonic() < deadline, "ksmd did not settle in a minute"
                time.sleep(0.05)
            names = ["pages_shared", "pages_sharing", "general_profit"]
            real = {name: counter(name) for name in names if (KSM / name).exists()}
        finally:
            process.kill()
    told = system(estimate(dump), "ksm", algorithm=None)
    assert {name: told[name] for name in real} == real
