"""`ghostswap on` and `off` on the running kernel; tests/vm does the same under others."""

import ctypes
import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.ghost.areas import OWN_FILE, find_areas
from ghostswap.ghost.loop import loop_device
from ghostswap.ghost.plan import Wishes, plan_for_file
from ghostswap.ghost.run_folder import one_at_a_time
from ghostswap.ghost.switch import carry_out, switch_on
from ghostswap.host.files import HostFiles
from ghostswap.swapfile.running import PAGE_SIZE
from tests import schemas
from tests.kernel.disks import Disks, command

NOBODY = 65534
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


def ghostswap(*words: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "ghostswap", *map(str, words)]
    return subprocess.run(run, capture_output=True, text=True, check=False, timeout=timeout)


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
    schemas.check(on, "ghostswap.on/1")
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


def _somebody_does(act: Callable[[], object]) -> int:
    """Have an ordinary user do `act`, which does not end; the process to kill."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            act()
        finally:
            os._exit(1)
    return child


def _ended(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("words", [["on", "--size", "64M", "--enable-zswap"], ["off"]])
def test_nobody_elses_lock_is_waited_for(nothing_on: None, words: list[str]) -> None:
    def hold() -> None:
        with Path("/proc/swaps").open("rb") as swaps:
            fcntl.flock(swaps, fcntl.LOCK_EX)
            holding.set()
            time.sleep(600)

    holding = multiprocessing.get_context("fork").Event()
    child = _somebody_does(hold)
    try:
        assert holding.wait(10)
        ghostswap(*words, timeout=20)
    finally:
        _ended(child)


def test_nobody_else_can_take_our_lock(nothing_on: None) -> None:
    with one_at_a_time():
        done = ghostswap("off", timeout=20)
        assert done.returncode == 1
        assert done.stderr == (
            "ghostswap: ghostswap: another run is switching areas on or off:"
            " try again once it has ended\n"
        )
        assert subprocess.run(["ls", "/run/ghostswap"], user=NOBODY).returncode != 0
    assert ghostswap("off").returncode == 0


@pytest.fixture
def swapfile(disks: Disks) -> Path:
    """A file that any kernel takes for swap."""
    path = disks.filesystem("ext4", size="64M") / "swapfile"
    path.write_bytes(os.urandom(1 << 20))
    path.chmod(0o600)
    command("mkswap", "-q", path)
    return path


def test_a_file_exchanged_by_its_owner_is_not_swapped_to(nothing_on: None, swapfile: Path) -> None:
    """Somebody's ghost takes turns with a swapfile of theirs, in a folder of theirs."""
    folder = swapfile.parent / "theirs"
    folder.mkdir()
    ghost, other = folder / "ghost", folder / "swapfile"
    assert ghostswap("mkghost", ghost, "--size", "1M").returncode == 0
    swapfile.rename(other)
    for path in (folder, ghost, other):
        os.chown(path, NOBODY, NOBODY)

    def exchange() -> None:
        libc, here, flag = ctypes.CDLL(None), -100, 2
        while True:
            libc.renameat2(here, os.fsencode(ghost), here, os.fsencode(other), flag)
            time.sleep(0.0002)

    before = state()
    child = _somebody_does(exchange)
    try:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with pytest.raises(GhostswapError, match="theirs belongs to"):
                carry_out(switch_on(plan_for_file(ghost, Wishes(enable_zswap=True))))
    finally:
        _ended(child)
    assert state() == before


def test_a_ghost_that_became_a_swapfile_is_taken_back(nothing_on: None, swapfile: Path) -> None:
    """Somebody who had it open writes a whole swap area into it, once it was looked at."""
    content = swapfile.read_bytes()
    ghost = swapfile.parent / "ghost"
    assert ghostswap("mkghost", ghost, "--size", "1M").returncode == 0
    before = state()
    with ghost.open("r+b") as file:
        plan = plan_for_file(ghost, Wishes(enable_zswap=True))
        file.write(content)
        os.fsync(file.fileno())
        with pytest.raises(GhostswapError, match="was changed meanwhile, so all was taken back"):
            carry_out(switch_on(plan))
    assert state() == before
    assert ghost.read_bytes() == content
    assert ghost.stat().st_size > PAGE_SIZE
