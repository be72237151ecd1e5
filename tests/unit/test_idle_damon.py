"""Watching by DAMON: it tells page by page, leaves nothing running, and touches nobody else's."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ghostswap.errors import GhostswapError
from ghostswap.idle import damon
from ghostswap.idle.damon_record import FOLDER, NAME, kept_record
from tests.damon import CONTEXT, PAGE, THREAD, MadeUpDamon, made_up_root, thread_stat

FRAMES = np.array([900, 17, 18, 19, 5], dtype=np.uint64)
INTERVAL = 5.0


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(damon, "DamonFiles", MadeUpDamon)
    monkeypatch.setattr(MadeUpDamon, "writes", [], raising=False)
    return made_up_root(tmp_path)


def untouched(root: Path) -> list[float]:
    with damon.watch(root, FRAMES, PAGE, INTERVAL) as eye:
        answer = eye.answer()
        assert answer.watched == MadeUpDamon.intervals * INTERVAL
        seconds: list[float] = answer.untouched.tolist()
        return seconds


def is_off(root: Path) -> bool:
    """Nothing runs, nothing is set up, and nothing is remembered."""
    kept = root / FOLDER / NAME
    set_up = (root / damon.KDAMONDS / "nr_kdamonds").read_text().strip() != "0"
    return not set_up and not (root / f"proc/{THREAD}").exists() and kept.read_bytes() == b""


@pytest.mark.parametrize("merges", [False, True])
def test_each_page_is_told_also_where_regions_became_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, merges: bool
) -> None:
    monkeypatch.setattr(MadeUpDamon, "touched", frozenset({18, 900}))
    monkeypatch.setattr(MadeUpDamon, "merges", merges)
    long = MadeUpDamon.intervals * INTERVAL
    assert untouched(root) == [0, long, 0, long, long]
    assert is_off(root)


def test_looks_cost_what_the_kernels_thread_took(root: Path) -> None:
    with damon.watch(root, FRAMES, PAGE, INTERVAL) as eye:
        assert eye.kernel_seconds() == pytest.approx(0.002)


def test_it_is_off_after_an_interruption_too(root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), damon.watch(root, FRAMES, PAGE, INTERVAL):
        raise KeyboardInterrupt
    assert is_off(root)


def test_it_is_off_after_a_failure_to_set_it_up(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: MadeUpDamon, number: int) -> None:
        if number == 12:
            raise OSError(12, "Cannot allocate memory", "regions")

    monkeypatch.setattr(MadeUpDamon, "before_write", fail)
    with pytest.raises(GhostswapError, match=r"^regions: Cannot allocate memory$"):
        untouched(root)
    assert is_off(root)


def another(root: Path, number: int = 1) -> dict[str, str]:
    """DAMON set up by somebody else, who takes no notice of anybody: its files."""
    files = MadeUpDamon(root)
    for name, text in (("nr_kdamonds", number), ("0/contexts/nr_contexts", 1), ("0/state", "on")):
        files.write(name, text)
    return tree(root)


def test_who_was_faster_keeps_damon(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses to set up anew what runs (damon_sysfs_kdamonds_busy())."""
    theirs: dict[str, str] = {}

    def be_faster(self: MadeUpDamon, number: int) -> None:
        monkeypatch.setattr(MadeUpDamon, "before_write", lambda self, number: None)
        theirs.update(another(root))
        raise OSError(16, "Device or resource busy", "nr_kdamonds")

    monkeypatch.setattr(MadeUpDamon, "before_write", be_faster)
    with pytest.raises(GhostswapError, match=r"^nr_kdamonds: Device or resource busy$"):
        untouched(root)
    assert tree(root) == theirs


def test_who_takes_damon_meanwhile_keeps_it(root: Path) -> None:
    with damon.watch(root, FRAMES, PAGE, INTERVAL) as eye:
        MadeUpDamon(root).write("0/state", "off")
        theirs = another(root)
        with pytest.raises(GhostswapError, match=r"somebody else has set DAMON up meanwhile: left"):
            eye.answer()
    assert tree(root) == theirs


def test_a_watch_by_other_means_ends_what_a_killed_one_left(root: Path) -> None:
    killed_at(root, first_write_when_it_runs(root))
    assert (root / f"proc/{THREAD}").exists()
    damon.end_leftover(root)
    assert is_off(root)
    theirs = another(root)
    damon.end_leftover(root)
    assert tree(root) == theirs


def used_by_sysfs(root: Path) -> None:
    MadeUpDamon(root).write("nr_kdamonds", 1)


def used_by_a_module(root: Path) -> None:
    enabled = root / "sys/module/damon_reclaim/parameters/enabled"
    enabled.parent.mkdir(parents=True)
    enabled.write_text("Y\n")


def used_otherwise(root: Path) -> None:
    (root / "proc/77").mkdir()
    (root / "proc/77/stat").write_text(thread_stat())


@pytest.mark.parametrize("use", [used_by_sysfs, used_by_a_module, used_otherwise])
def test_what_somebody_uses_is_left_alone(root: Path, use: Callable[[Path], None]) -> None:
    use(root)
    before = tree(root)
    MadeUpDamon.writes.clear()
    with pytest.raises(GhostswapError, match=r"^--idle: DAMON is in use .*: left alone"):
        untouched(root)
    assert MadeUpDamon.writes == []
    assert tree(root) == before


def tree(root: Path) -> dict[str, str]:
    """Every file below sys/ with its content."""
    return {str(path): path.read_text() for path in (root / "sys").rglob("*") if path.is_file()}


def killed_at(root: Path, write: int) -> bool:
    """A run that SIGKILL ends before its `write`th write; False if it ended by itself."""
    pid = os.fork()
    if pid == 0:
        try:
            MadeUpDamon.writes.clear()

            def kill(self: MadeUpDamon, number: int) -> None:
                if number == write:
                    os.kill(os.getpid(), signal.SIGKILL)

            setattr(MadeUpDamon, "before_write", kill)  # noqa: B010 - of this child alone
            untouched(root)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_wherever_a_run_is_killed_the_next_one_ends_what_it_left(root: Path) -> None:
    """Except between its first three writes, when nothing runs yet and nothing bears its mark."""
    killed = 0
    MadeUpDamon.writes.clear()
    while killed_at(root, killed):
        nothing_marked = killed in (1, 2)
        if nothing_marked:
            with pytest.raises(GhostswapError, match="DAMON is in use"):
                untouched(root)
            assert not (root / f"proc/{THREAD}").exists()
            MadeUpDamon(root).write("nr_kdamonds", 0)
        assert len(untouched(root)) == len(FRAMES)
        assert is_off(root)
        killed += 1
    assert killed > 30, "every write was tried"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (f"{CONTEXT}/monitoring_attrs/intervals/update_us", "1000000"),
        (f"{CONTEXT}/targets/0/regions/2/start", "4096000"),
        (f"{CONTEXT}/targets/0/regions/nr_regions", "2"),
        ("0/pid", "4711"),
    ],
)
def test_what_somebody_set_up_since_is_not_taken_for_a_leftover(
    root: Path, file: str, content: str
) -> None:
    killed_at(root, first_write_when_it_runs(root))
    (root / damon.KDAMONDS / file).write_text(content)
    before = tree(root)
    with pytest.raises(GhostswapError, match="DAMON is in use"):
        untouched(root)
    assert tree(root) == before


def first_write_when_it_runs(root: Path) -> int:
    """Which write of a run comes first after DAMON was switched on."""
    MadeUpDamon.writes.clear()
    untouched(root)
    return MadeUpDamon.writes.index("0/state") + 1


def test_a_thread_of_the_same_number_that_began_later_is_not_ours(root: Path) -> None:
    killed_at(root, first_write_when_it_runs(root))
    (root / f"proc/{THREAD}/stat").write_text(thread_stat(began=888))
    with pytest.raises(GhostswapError, match="DAMON is in use"):
        untouched(root)


def test_of_two_runs_one_says_that_the_other_watches(root: Path) -> None:
    with (
        kept_record(root),
        pytest.raises(GhostswapError, match=r"^--idle: another ghostswap is watching"),
    ):
        untouched(root)


@pytest.mark.parametrize("place", [FOLDER, f"{FOLDER}/{NAME}"])
def test_a_record_that_others_may_write_is_not_believed(root: Path, place: str) -> None:
    untouched(root)
    (root / place).chmod(0o777)
    MadeUpDamon.writes.clear()
    with pytest.raises(GhostswapError, match="others may write to"):
        untouched(root)
    assert MadeUpDamon.writes == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"nonce": "x"}', json.dumps({"nonce": 1})])
def test_a_damaged_record_claims_nothing(root: Path, text: str) -> None:
    untouched(root)
    (root / FOLDER / NAME).write_text(text)
    used_by_sysfs(root)
    with pytest.raises(GhostswapError, match="DAMON is in use"):
        untouched(root)


def test_a_kernel_that_watches_no_physical_addresses_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = MadeUpDamon.read
    monkeypatch.setattr(
        MadeUpDamon,
        "read",
        lambda self, name: "vaddr" if name.endswith("avail_operations") else read(self, name),
    )
    with pytest.raises(GhostswapError, match="watches no physical addresses"):
        untouched(root)
    assert is_off(root)


def test_tests_cannot_write_to_the_damon_of_this_machine() -> None:
    with pytest.raises(PermissionError, match="in a guest only"):
        Path("/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds").write_text("0")
