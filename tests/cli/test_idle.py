"""`estimate-dedup --idle` from the command line: of real processes, by a tracker that is made up.

What real trackers say is tested in guests (tests/vm/test_idle.py).
"""

import json
import math
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ghostswap.cli.app import run
from ghostswap.idle import sample, tracker, watch
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
    row = Tracker(TrackerName.PAGE_IDLE, lambda root: True, made_up, 10_000)
    monkeypatch.setattr(tracker, "TRACKERS", (row,))
    monkeypatch.setattr(watch, "_LOOK_SECONDS", 0.25)
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


@pytest.fixture
def sleeper() -> Iterator[int]:
    """A process that an ordinary user may measure, unlike the one that measures it."""
    with subprocess.Popen(["sleep", "600"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def document(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> Any:
    assert run(["estimate-dedup", "--json", "--jobs", "1", *map(str, words)]) == status
    return json.loads(capsys.readouterr().out)


@root_only
def test_all_figures_are_those_of_idle_pages(pid: int, capsys: pytest.CaptureFixture[str]) -> None:
    shown = document(capsys, "--pid", pid, "--idle", "1s", "--group-by", "source")
    idle, pages = shown["idle"], shown["pages"]
    assert idle["tracked_pages"] > PAGES
    assert idle["share"] == pytest.approx(2 / 3, abs=0.06)
    assert pages["total"] == idle["idle_pages"] == round(idle["share"] * idle["total_pages"])
    assert pages["total"] == pages["zero"] + pages["same_filled"] + pages["data"]
    assert pages["data"] == pages["distinct"] + pages["duplicate"]
    (zram,) = [each for each in shown["systems"] if each["system"] == "zram"]
    assert zram["pages_stored"] == pages["total"]
    assert zram["saved_bytes"] == pages["total"] * shown["page_size"] - zram["ram_bytes"]
    assert idle["ages"][0]["seconds"] == 1.0
    assert {each["name"] for each in idle["compared"]} == {"idle", "touched"}
    assert idle["groups"][0]["idle_pages"] <= idle["groups"][0]["tracked_pages"]
    assert shown["sources"][0]["pages"] >= idle["total_pages"]


@root_only
def test_of_many_pages_a_sample_stands_for_all_with_its_error(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = document(capsys, "--pid", pid, "--idle", "1s")
    costly = replace(tracker.TRACKERS[0], pages_per_second=400)
    monkeypatch.setattr(tracker, "TRACKERS", (costly,))
    shown = document(capsys, "--pid", pid, "--idle", "1s", "--seed", 3)
    assert shown["idle"]["tracked_pages"] <= 400 < whole["idle"]["tracked_pages"]
    assert shown["idle"]["share_error"] > whole["idle"]["share_error"]
    assert abs(shown["idle"]["share"] - whole["idle"]["share"]) < 1.5 * shown["idle"]["share_error"]
    for name in ("zram", "zram+dedup"):
        exact, sampled = (
            next(each for each in every["systems"] if each["system"] == name)
            for every in (whole, shown)
        )
        assert sampled["relative_error"] > exact["relative_error"]
        away = abs(sampled["pool_bytes"] - exact["pool_bytes"])
        assert away <= 1.5 * sampled["relative_error"] * sampled["pool_bytes"]


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
@pytest.mark.parametrize("command", ["estimate-dedup", "plan"])
def test_a_process_that_ends_while_it_is_watched_is_one_line(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def end(self: MadeUp) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    monkeypatch.setattr(MadeUp, "look", end)
    assert run([command, "--pid", str(pid), "--idle", "1s"]) == 1
    printed = capsys.readouterr()
    assert "--idle: no page could be followed: all were freed" in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@root_only
@pytest.mark.parametrize("as_json", [False, True])
def test_where_all_is_touched_nothing_is_idle(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    monkeypatch.setattr(MadeUp, "answer", lambda self: Answer(np.zeros(len(self.frames)), 60.0))
    words = ["--pid", str(pid), "--idle", "1s", "--group-by", "cgroup"]
    assert run(["estimate-dedup", *words, *["--json"] * as_json]) == 0
    printed = capsys.readouterr().out
    if as_json:
        shown = json.loads(printed)
        assert shown["pages"]["total"] == shown["idle"]["idle_pages"] == 0
    else:
        assert "Nothing touched 0.0%" in printed
    assert run(["plan", "--pid", str(pid), "--idle", "1s"]) == 1
    assert "an estimate of no pages" in capsys.readouterr().err


@root_only
def test_an_interrupted_watch_is_marked_partial(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MadeUp, "interrupts", True)
    shown = document(capsys, "--pid", pid, "--idle", "2s", status=130)
    assert shown["partial"] is True
    assert shown["pages"]["total"] > 0


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
    sleeper: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "TRACKERS", ())
    assert run(["estimate-dedup", "--pid", str(sleeper), "--idle", "1s"]) == 1
    printed = capsys.readouterr()
    assert "Debian from 6.12" in printed.err
    assert printed.err.count("\n") == 1


@root_only
def test_a_plan_of_idle_pages_is_for_as_many_as_may_be_idle(
    pid: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Made at once, and of an estimate that was saved."""
    estimate = document(capsys, "--pid", pid, "--idle", "1s")
    idle, report = estimate["idle"], tmp_path / "idle.json"
    report.write_text(json.dumps(estimate))
    most = math.ceil((idle["share"] + idle["share_error"]) * idle["total_pages"])
    for words in (["--pid", str(pid), "--idle", "1s"], [str(report)]):
        assert run(["plan", "--json", "--quiet", "--ram", "64G", *words]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["demand_source"], shown["demand_tracker"]) == ("idle", "page-idle")
        # What else runs in the process differs from watch to watch.
        assert shown["demand_bytes"] == pytest.approx(most * 4096, rel=0.05)
        (sized,) = shown["plans"]
        assert sized["size"]["bytes"] <= shown["demand_bytes"] + 2 * 4096
        assert sized["capacity"]["expected"]["memory_bytes"] > 100 * shown["demand_bytes"]
    assert run(["plan", str(report), "--ram", "64G", "--demand", "8M", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["demand_bytes"] == 8 << 20
    assert run(["plan", str(report), "--ram", "64G", "--explain"]) == 0
    printed = capsys.readouterr().out
    assert "is idle: nothing touched it for 1 s (page-idle).\n" in printed
    assert "what nothing touched for 1 s by page-idle, its error at 95 % added" in printed


def host_with_ages(folder: Path, text: str) -> Path:
    """A captured host of 16 GiB whose multi-generational LRU is on."""
    for name, content in (
        ("proc/meminfo", "MemTotal: 16777216 kB\n"),
        ("sys/kernel/mm/lru_gen/enabled", "0x0007\n"),
        ("sys/kernel/debug/lru_gen", text),
    ):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    return folder


_AGES = (
    "memcg     1 /\n node     0\n"
    "          0     600000       1000        2405 \n"
    "          1     130000       2048         120 \n"
    "          2       9812          7           0 \n"
    "memcg    42 /web\n node     0\n"
    "          4     990000        300          10 \n"
    "          5     120000         10          10 \n"
)


def test_a_plan_takes_what_the_kernels_lru_says_is_unused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pages of a generation are unused since the next one was born: 1,000 and 300 for two minutes
    at least."""
    host = ["--root", str(host_with_ages(tmp_path, _AGES))]
    words = ["plan", "--ratio", "3", "--demand", "idle", *host]
    assert run([*words, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["demand_bytes"] == 1300 * mmap.PAGESIZE
    assert (shown["demand_source"], shown["demand_tracker"]) == ("idle", "mglru")
    assert run([*words, "--explain"]) == 0
    printed = capsys.readouterr().out
    assert "unused for 2 min, by the kernel's generations" in printed
    assert "the ratio is that of all that was measured" in printed
    assert "anonymous pages unused for 2 min: lru_gen of debugfs" in printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "shows no ages of memory"),
        ("memcg 1 /\n node 0\n 0 5000 1000 0 \n", "no memory was unused for 2 min"),
    ],
)
def test_without_ages_there_is_no_plan_for_idle_memory(
    tmp_path: Path, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host = host_with_ages(tmp_path, text or "")
    if text is None:
        (host / "sys/kernel/mm/lru_gen/enabled").write_text("0x0000\n")
    assert run(["plan", "--ratio", "3", "--demand", "idle", "--root", str(host)]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ratio", "3", "--idle", "1s"], "goes without --ratio"),
        (["--pid", "1", "--idle", "1s", "--quick"], "goes without --quick"),
        (["--pid", "1", "--idle", "1s", "--demand", "idle"], "goes without --demand idle"),
        (["--pid", "1", "--tracker", "damon"], "--tracker: goes with --idle"),
        (["report.json", "--idle", "1s"], "an estimate is of the pages it is of"),
        (["dump", "--idle", "1s"], "a dump cannot tell"),
    ],
)
def test_what_does_not_go_together_in_a_plan_is_wrong_usage(
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.json").write_text("{}")
    assert run(["plan", *words]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1


@root_only
def test_an_interrupted_watch_is_no_plan(
    pid: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MadeUp, "interrupts", True)
    assert run(["plan", "--pid", str(pid), "--idle", "2s"]) == 130
    assert capsys.readouterr().out == ""


def test_a_process_that_is_mostly_swapped_out_is_said_to_be() -> None:
    from ghostswap.pages.process import _InMemory, _warnings
    from ghostswap.pages.runs import Runs
    from ghostswap.pages.source import Segments

    run_ = Runs.of(4096, np.array([0]), np.array([10 * 4096]))
    status = dict.fromkeys(("RssAnon", "RssShmem", "VmSwap", "VmLck"), 0)
    (warning,) = _warnings(_InMemory(run_, Segments(), 11, 0, 0), status, 4096)
    assert "most of it is swapped out (11 pages; 10 are in memory)" in warning
    assert list(_warnings(_InMemory(run_, Segments(), 9, 0, 0), status, 4096)) == []


def test_what_is_swapped_out_already_is_said_in_text(
    sleeper: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ghostswap.pages.process import Processes

    find = Processes._find

    def swapped(self: Processes, *words: Any) -> Any:
        return replace(find(self, *words), swapped=10**9)

    monkeypatch.setattr(Processes, "_find", swapped)
    assert run(["estimate-dedup", "--pid", str(sleeper), "--jobs", "1"]) == 0
    printed = capsys.readouterr()
    assert "  swapped out 1,000,000,000  not measured\n" in printed.out
    assert "most of it is swapped out (1000000000 pages; " in printed.err


def test_the_sample_is_as_large_as_the_documents_say() -> None:
    manual = Path("man/ghostswap-estimate-dedup.1.md").read_text()
    assert f"{sample.MOST_WATCHED:,}" in manual
    assert f"{sample.MOST_WATCHED:,}" in Path("docs/figures.md").read_text()
    each_second = {row.name: row.pages_per_second for row in tracker.TRACKERS}
    assert f"**damon** and {each_second[TrackerName.PAGE_IDLE]:,} with **page-idle**" in manual
    assert f"which is {each_second[TrackerName.DAMON]:,} for each\nsecond with" in manual
