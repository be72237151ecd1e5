"""`ghostswap on` and `off` on the running kernel; tests/vm does the same under others."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ghostswap.ghost.areas import OWN_FILE, find_areas
from ghostswap.ghost.loop import loop_device
from ghostswap.host.files import HostFiles

ENABLED = Path("/sys/module/zswap/parameters/enabled")


@pytest.fixture
def zswap_off() -> Iterator[None]:
    if not ENABLED.exists():
        pytest.skip("this kernel has no zswap")
    before = ENABLED.read_text()
    ENABLED.write_text("N")
    try:
        yield
    finally:
        ENABLED.write_text(before)


@pytest.fixture
def nothing_on(zswap_off: None) -> Iterator[None]:
    if find_areas(HostFiles(Path("/"))) or OWN_FILE.exists():
        pytest.skip("a ghost area is in use here")
    try:
        yield
    finally:
        ghostswap("off", "--all", "--force")


def ghostswap(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ghostswap", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def state() -> tuple[str, ...]:
    loops = sorted(str(path) for path in Path("/sys/block").glob("loop*/loop"))
    mapped = sorted(str(path) for path in Path("/sys/block").glob("dm-*"))
    own = [str(path) for path in (OWN_FILE, OWN_FILE.parent) if path.exists()]
    return (Path("/proc/swaps").read_text(), ENABLED.read_text(), *loops, *mapped, *own)


def test_on_then_off_leaves_everything_as_it_was(nothing_on: None) -> None:
    before = state()
    done = ghostswap("on", "--size", "64M", "--enable-zswap", "--json")
    if "no device mapper" in done.stderr:
        assert done.returncode == 1
        assert state() == before, "refused half-way, and not all taken back"
        pytest.skip("this kernel takes no ghost file and has no device mapper")
    assert done.returncode == 0, done.stderr
    on: dict[str, Any] = json.loads(done.stdout)
    assert (on["changed"], on["size_bytes"]) == (True, 64 << 20)
    assert on["device"] in Path("/proc/swaps").read_text()
    assert json.loads(ghostswap("on", "--size", "64M", "--json").stdout)["changed"] is False
    assert ghostswap("off").returncode == 0
    ENABLED.write_text("N")  # `off` leaves zswap as it is
    assert state() == before


def test_off_with_nothing_to_do_is_fine(nothing_on: None) -> None:
    for words in (["off"], ["off", "--all"]):
        done = ghostswap(*words)
        assert (done.returncode, done.stdout) == (0, "no ghost area is on\n")
    assert json.loads(ghostswap("off", "--json").stdout) == []
    assert ghostswap("off", "no-such-area").returncode == 1


def test_on_is_refused_while_zswap_is_off(nothing_on: None) -> None:
    before = state()
    done = ghostswap("on", "--size", "64M")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--enable-zswap" in done.stderr
    assert state() == before


def _backing_files() -> list[str]:
    return [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    if not Path("/dev/loop-control").exists():
        pytest.skip("this kernel has no loop devices")
    path = tmp_path / "page"
    path.write_bytes(os.urandom(4096))
    return path


def test_a_loop_device_shows_the_file_and_goes_by_itself(page: Path) -> None:
    with page.open("r+b") as file, loop_device(file.fileno()) as number:
        device = Path(f"/dev/loop{os.minor(number)}")
        assert device.read_bytes() == page.read_bytes()
        assert f"{page}\n" in _backing_files()
    assert f"{page}\n" not in _backing_files()


def test_a_killed_run_leaves_no_loop_device(page: Path) -> None:
    child = os.fork()
    if child == 0:
        with page.open("r+b") as file, loop_device(file.fileno()):
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert f"{page}\n" not in _backing_files()
