"""What a process offered to KSM is told apart from what it did not offer, and shared memory."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ghostswap.pages import process
from ghostswap.pages.process import Processes
from ghostswap.pages.source import Mapping
from tests.dumps import PAGE
from tests.estimates import estimate, run_estimate

RUN = Path("/sys/kernel/mm/ksm/run")
PAGES = 300
# Ten contents in each area; the first and the last are offered.
_PROGRAM = f"""
import mmap, sys
areas = []
for kind in (mmap.MAP_PRIVATE, mmap.MAP_PRIVATE, mmap.MAP_SHARED):
    area = mmap.mmap(-1, {PAGES * PAGE}, flags=kind | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range({PAGES}):
        area[page * {PAGE} : (page + 1) * {PAGE}] = bytes([7, page % 10]) * {PAGE // 2}
    areas.append(area)
areas[0].madvise(mmap.MADV_MERGEABLE)
areas[2].madvise(mmap.MADV_MERGEABLE)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pid() -> Iterator[int]:
    """Such a process; skips where KSM is missing, or merges while the test looks."""
    if not RUN.exists() or RUN.read_text().strip() != "0":
        pytest.skip("KSM runs on this machine, or there is none: merged pages would count as one")
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        try:
            running.stdout.readline()
            yield running.pid
        finally:
            running.kill()


def test_eligible_pages_are_those_that_were_offered(pid: int) -> None:
    document = estimate("--pid", pid)
    now: dict[str, Any] = document["ksm"]
    assert not now["running"]
    assert (now["eligible_pages"], now["shared_memory_pages"]) == (PAGES, PAGES)
    assert now["not_offered_pages"] == document["pages"]["total"] - 2 * PAGES
    assert (now["sharing"]["pages_shared"], now["sharing"]["pages_sharing"]) == (10, PAGES - 10)
    assert f"offered {PAGES} of these pages now" in run_estimate("--pid", pid).stdout


@pytest.mark.parametrize("told", [True, False])
def test_they_are_found_whether_the_kernel_tells_of_the_process_or_not(
    told: bool, pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 6.18 ksm_stat does not tell, and smaps is read of every process."""
    if not told:
        monkeypatch.setattr(process, "none_is_offered", lambda folder: False)
    segments = list(Processes(PAGE).open(pid).segments)
    offered = [each for each in segments if each.offered]
    assert sum(each.pages for each in offered) == PAGES
    assert {each.mapping for each in offered} == {Mapping.ANON}


def test_a_dump_says_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(bytes(PAGE))
    assert estimate(tmp_path / "dump")["ksm"] is None
