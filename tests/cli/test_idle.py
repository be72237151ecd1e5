"""`estimate-dedup --idle` from the command line: of real processes, by a tracker that is made up.

What real trackers say is tested in guests (tests/vm/test_idle.py).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ghostswap.cli.app import run
from ghostswap.idle import sample, tracker
from ghostswap.idle.answer import Answer
from ghostswap.idle.tracker import Tracker
from ghostswap.idle.trackers import TrackerName

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="page frames are shown to root only")
PAGES = 1600
_PROGRAM = (
    "import mmap,os,sys;"
    f"m=mmap.mmap(-1,{PAGES}*4096,flags=mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS);m.madvise(15);"
    f"[m.write(os.urandom(1024)+bytes(3072)) for _ in range({PAGES})];"
    "print(flush=True);sys.stdin.read()"
)


class MadeUp:
    """A watch that says of two frames in three that nothing touched them."""

    interrupts = False

    def __init__(self, frames: NDArray[np.uint64]) -> None:
        self.frames = frames

    def look(self) -> None:
        if self.interrupts:
            type(self).interrupts = False
            raise KeyboardInterrupt

    def kernel_seconds(self) -> float:
        return 0.001

    def answer(self) -> Answer:
        return Answer(np.where(self.frames % 3 == 0, 0.0, 60.0), 60.0)


@contextmanager
def made_up(*arguments: Any) -> Iterator[MadeUp]:
    yield MadeUp(arguments[1])


@pytest.fixture
def pid(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    row = Tracker(TrackerName.PAGE_IDLE, lambda root: True, made_up)
    monkeypatch.setattr(tracker, "TRACKERS", (row,))
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdout.readline()
    yield child.pid
    child.stdin.close()
    child.stdout.close()
    child.wait()


def document(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> Any:
    assert run(["estimate-dedup", "--json", "--jobs", "1", *map(str, words)]) == status
    return json.loads(capsys.readouterr().out)


@root_only
def test_all_figures_are_those_of_idle_pages(pid: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, "--pid", pid, "--idle", "1s", "--group-by", "source")
    idle, pages = found["idle"], found["pages"]
    assert idle["tracked_pages"] > PAGES
    assert idle["share"] == pytest.approx(2 / 3, abs=0.06)
    assert pages["total"] == idle["idle_pages"] == round(idle["share"] * idle["total_pages"])
    assert pages["total"] == pages["zero"] + pages["same_filled"] + pages["data"]
    assert pages["data"] == pages["distinct"] + pages["duplicate"]
    (zram,) = [each for each in found["systems"] if each["system"] == "zram"]
    assert zram["pages_stored"] == pages["total"]
    assert zram["saved_bytes"] == pages["total"] * found["page_size"] - zram["ram_bytes"]
    assert idle["ages"][0]["seconds"] == 1.0
    assert {each["name"] for each in idle["compared"]} == {"idle", "touched"}
    assert idle["groups"][0]["idle_pages"] <= idle["groups"][0]["tracked_pages"]
    assert found["sources"][0]["pages"] >= idle["total_pages"]


@root_only
def test_of_many_pages_a_sample_stands_for_all_with_its_error(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = document(capsys, "--pid", pid, "--idle", "1s")
    from ghostswap.census import idle

    monkeypatch.setattr(idle, "MOST_WATCHED", 400)
    found = document(capsys, "--pid", pid, "--idle", "1s", "--seed", 3)
    assert found["idle"]["tracked_pages"] <= 400 < whole["idle"]["tracked_pages"]
    assert found["idle"]["share_error"] > whole["idle"]["share_error"]
    assert abs(found["idle"]["share"] - whole["idle"]["share"]) < 1.5 * found["idle"]["share_error"]
    for name in ("zram", "zram+dedup"):
        exact, told = (
            next(each for each in every["systems"] if each["system"] == name)
            for every in (whole, found)
        )
        assert told["relative_error"] > exact["relative_error"]
        away = abs(told["pool_bytes"] - exact["pool_bytes"])
        assert away <= 1.5 * told["relative_error"] * told["pool_bytes"]


@root_only
def test_idle_pages_that_cannot_be_read_are_no_estimate(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ghostswap.pages.process import ProcessReader

    def nothing(self: ProcessReader, first: int, pages: int, into: memoryview) -> Any:
        return np.zeros(pages, dtype=np.bool_)

    monkeypatch.setattr(ProcessReader, "read", nothing)
    assert run(["estimate-dedup", "--json", "--pid", str(pid), "--idle", "1s"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("ghostswap: --idle: no idle page could be read: ")
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@root_only
def test_an_interrupted_watch_is_marked_partial(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MadeUp, "interrupts", True)
    found = document(capsys, "--pid", pid, "--idle", "2s", status=130)
    assert found["partial"] is True
    assert found["pages"]["total"] > 0


@root_only
def test_the_tables_say_how_much_is_idle_and_how_it_differs(
    pid: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["estimate-dedup", "--pid", str(pid), "--idle", "1s", "--group-by", "cgroup"]) == 0
    printed = capsys.readouterr().out
    for part in ("idle pages", "Nothing touched 6", "for 1 s", "page-idle, which took", "touched"):
        assert part in printed
    assert "Idle pages by group" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dump", "--idle", "1s"], "a dump cannot tell"),
        (["--pid", "1", "dump", "--idle", "1s"], "a dump cannot tell"),
        (["--pid", "1", "--idle", "0s"], "is not between 1s and 7d"),
        (["--pid", "1", "--idle", "30"], "not a duration"),
        (["--pid", "1", "--idle", "1s", "--quick"], "goes without --quick"),
        (["--pid", "1", "--idle", "1s", "--save", "x"], "goes without --save"),
        (["--pid", "1", "--idle", "1s", "--group-by", "kind"], "by source or by cgroup"),
        (["--pid", "1", "--tracker", "damon"], "--tracker: goes with --idle"),
        (["--pid", "1", "--group-by", "cgroup"], "--group-by cgroup: goes with --idle"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["estimate-dedup", *words]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_kernel_without_a_tracker_says_which_have_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "TRACKERS", ())
    assert run(["estimate-dedup", "--pid", str(os.getpid()), "--idle", "1s"]) == 1
    printed = capsys.readouterr()
    assert "Debian from 6.12" in printed.err
    assert printed.err.count("\n") == 1


def test_a_process_that_is_mostly_swapped_out_is_said_to_be() -> None:
    from ghostswap.pages.process import _Found, _warnings
    from ghostswap.pages.runs import Runs

    run_ = Runs.of(4096, np.array([0]), np.array([10 * 4096]))
    status = dict.fromkeys(("RssAnon", "RssShmem", "VmSwap", "VmLck"), 0)
    (told,) = _warnings(_Found(run_, (), 11, 0), status, 4096)
    assert "most of it is swapped out (11 pages; 10 are in memory)" in told
    assert list(_warnings(_Found(run_, (), 9, 0), status, 4096)) == []


def test_the_sample_is_as_large_as_the_documents_say() -> None:
    assert f"{sample.MOST_WATCHED:,}" in Path("man/ghostswap-estimate-dedup.1.md").read_text()
    assert f"{sample.MOST_WATCHED:,}" in Path("docs/figures.md").read_text()
