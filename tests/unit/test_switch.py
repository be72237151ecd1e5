"""Switching on is all or nothing, wherever it stops; the system calls are stood in for here."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.ghost import devicemapper, swapcalls, switch, writeback
from ghostswap.ghost.areas import Backend, GhostArea
from ghostswap.ghost.plan import SwitchOn
from ghostswap.host.swaps import SwapArea, parse_swaps
from ghostswap.swapfile.running import PAGE_SIZE

SIZE = 1 << 30


def own_file(folder: Path) -> Path:
    """Where `on --size` puts its file, here."""
    return folder / "own/ghost"


class Machine:
    """What is there, changed by the stand-ins; `fail_at` is the call that fails."""

    def __init__(self, takes_ghosts: bool = False) -> None:
        self.takes_ghosts = takes_ghosts
        self.there: list[str] = []
        self.calls = 0
        self.fail_at: int | None = None
        self.error = errno.EIO
        self.size = SIZE  # of the area, as /proc/swaps has it

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            raise OSError(self.error, os.strerror(self.error))

    def swapon(self, path: Path, priority: int | None) -> None:
        path = path.readlink() if path.is_relative_to("/proc/self/fd") else path
        if not self.takes_ghosts and not path.is_relative_to("/dev"):
            raise OSError(errno.EINVAL, "Invalid argument")
        self._call()
        self.there.append(f"swap {path}")

    def swapoff(self, path: Path) -> None:
        path = path.readlink() if path.is_relative_to("/proc/self/fd") else path
        self.there.remove(f"swap {path}")

    def areas(self) -> tuple[SwapArea, ...]:
        paths = [thing.removeprefix("swap ") for thing in self.there if thing.startswith("swap ")]
        kib = (self.size - PAGE_SIZE) // 1024
        return parse_swaps("".join(["Name\n", *(f"{p} file {kib} 0 3\n" for p in paths)]).encode())

    @contextmanager
    def loop_device(self, file: int) -> Iterator[int]:
        self._call()
        self.there.append("loop")
        try:
            yield os.makedev(7, 3)
        finally:
            self.there.remove("loop")

    def create(self, name: str, uuid: str) -> None:
        self._call()
        self.there.append(name)

    def load(self, name: str, table: object) -> None:
        assert "loop" in self.there
        self._call()

    def start(self, name: str) -> int:
        self._call()
        return os.makedev(253, 0)

    def remove(self, name: str) -> None:
        self.there.remove(name)

    def split(self, device: int) -> None:
        assert device == os.makedev(253, 0)
        self._call()

    def forbid(self, host: object) -> bool:
        self._call()
        self.there.append("no writeback")
        return True

    def allow_again(self, host: object) -> None:
        self.there.remove("no writeback")

    def set_zswap(self, on: bool) -> None:
        if on:
            self._call()
            self.there.append("zswap")
        elif "zswap" in self.there:
            self.there.remove("zswap")


@pytest.fixture(params=["stock", "ghost"])
def machine(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Machine:
    made = Machine(takes_ghosts=request.param == "ghost")
    for module, name in [
        (swapcalls, "swapon"),
        (swapcalls, "swapoff"),
        (swapcalls, "areas"),
        (switch, "loop_device"),
        (devicemapper, "create"),
        (devicemapper, "load"),
        (devicemapper, "start"),
        (devicemapper, "remove"),
        (switch, "set_zswap"),
        (writeback, "forbid"),
        (writeback, "allow_again"),
    ]:
        monkeypatch.setattr(module, name, getattr(made, name))
    monkeypatch.setattr(switch, "_have_huge_pages_split", made.split)
    monkeypatch.setattr(switch, "zswap_refuses_huge_pages", lambda version: True)
    monkeypatch.setattr(switch, "OWN_FILE", own_file(tmp_path))
    return made


@pytest.fixture
def plan(tmp_path: Path) -> SwitchOn:
    return SwitchOn(own_file(tmp_path), SIZE, os.urandom(PAGE_SIZE), None, True, True)


def test_on_leaves_the_area_zswap_and_the_file(machine: Machine, plan: SwitchOn) -> None:
    switch.carry_out(switch.switch_on(plan))
    swapped = [thing for thing in machine.there if thing.startswith("swap ")]
    assert swapped == [f"swap {plan.file}" if machine.takes_ghosts else "swap /dev/dm-0"]
    assert {"zswap", "no writeback"} <= set(machine.there)
    assert "loop" not in machine.there  # held by the mapped device alone
    assert plan.file.read_bytes() == plan.page


def test_a_failure_anywhere_leaves_nothing(machine: Machine, plan: SwitchOn) -> None:
    switch.carry_out(switch.switch_on(plan))
    calls = machine.calls
    assert calls >= 2
    for fail_at in range(1, calls + 1):
        machine.there.clear()
        machine.calls, machine.fail_at = 0, fail_at
        with pytest.raises((OSError, GhostswapError)):
            switch.carry_out(switch.switch_on(plan))
        assert machine.there == []
        assert not plan.file.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_after_any_step_leaves_nothing(
    machine: Machine, plan: SwitchOn, number: signal.Signals
) -> None:
    def count(number: int, frame: object) -> None:
        came.append(number)

    came: list[int] = []
    before = signal.signal(number, count)
    try:
        steps = len(list(switch.switch_on(plan)))
        for after in range(steps):
            machine.there.clear()
            came.clear()
            with pytest.raises(KeyboardInterrupt):
                switch.carry_out(_raising(switch.switch_on(plan), after, number))
            assert machine.there == []
            assert not plan.file.parent.exists()
            assert came == [number]  # it takes its effect, afterwards
    finally:
        signal.signal(number, before)


def _raising(steps: switch.Steps, after: int, number: signal.Signals) -> switch.Steps:
    try:
        for done, step in enumerate(steps):
            if done == after:
                os.kill(os.getpid(), number)
            yield step
    finally:
        steps.close()


def test_an_ignored_signal_is_ignored(machine: Machine, plan: SwitchOn) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        switch.carry_out(_raising(switch.switch_on(plan), 0, signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert any(thing.startswith("swap ") for thing in machine.there)


@pytest.mark.parametrize("size", [SIZE + PAGE_SIZE, SIZE * 2])
def test_an_area_that_is_not_what_was_planned_is_given_up_again(
    machine: Machine, plan: SwitchOn, size: int
) -> None:
    machine.size = size
    with pytest.raises(GhostswapError, match="was changed meanwhile, so all was taken back"):
        switch.carry_out(switch.switch_on(plan))
    assert machine.there == []
    assert not plan.file.parent.exists()


def test_a_file_that_became_a_swapfile_is_given_up_again(machine: Machine, tmp_path: Path) -> None:
    """Somebody who had it open for writing made it longer, and a stock kernel takes it then."""
    file = tmp_path / "ghost"
    file.write_bytes(bytes(PAGE_SIZE * 10))
    file.chmod(0o600)
    machine.takes_ghosts = True
    with pytest.raises(GhostswapError, match="was changed meanwhile"):
        switch.carry_out(switch.switch_on(SwitchOn(file, SIZE, None, 3, False)))
    assert machine.there == []
    assert file.exists()


def test_a_file_of_a_name_stays_after_off_and_goes_when_on_fails(
    machine: Machine, tmp_path: Path
) -> None:
    plan = SwitchOn(tmp_path / "named", SIZE, os.urandom(PAGE_SIZE), None, False)
    machine.fail_at = 1
    with pytest.raises((OSError, GhostswapError)):
        switch.carry_out(switch.switch_on(plan))
    assert list(tmp_path.iterdir()) == []
    machine.fail_at = None
    switch.carry_out(switch.switch_on(plan))
    assert plan.file.read_bytes() == plan.page
    machine.there.clear()
    with pytest.raises(GhostswapError, match="exists"):
        switch.carry_out(switch.switch_on(plan))
    assert plan.file.exists(), "it was not this run that made it"


def test_too_many_areas_is_said_in_words(machine: Machine, plan: SwitchOn) -> None:
    switch.carry_out(switch.switch_on(plan))
    machine.there.clear()
    machine.calls, machine.fail_at, machine.error = 0, machine.calls, errno.EPERM
    with pytest.raises(GhostswapError, match="too many swap areas"):
        switch.carry_out(switch.switch_on(plan))


def test_off_takes_all_away_and_leaves_a_named_file(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ghost").write_bytes(os.urandom(PAGE_SIZE))
    released: list[Path] = []
    monkeypatch.setattr(switch, "release", released.append)
    switch.carry_out(switch.switch_on(SwitchOn(tmp_path / "ghost", SIZE, None, 3, False)))
    (name,) = [thing for thing in machine.there if thing.startswith("ghostswap-")] or [""]
    device = tmp_path / "ghost" if machine.takes_ghosts else Path("/dev/dm-0")
    (swap,) = parse_swaps(f"Filename\n{device} partition 8 0 3\n".encode())
    backend = Backend.KERNEL if machine.takes_ghosts else Backend.DEVICE_MAPPER
    area = GhostArea(name, backend, device, tmp_path / "ghost", (Path("/dev/loop3"),), swap)
    switch.carry_out(switch.switch_off(area))
    assert machine.there == []
    assert released == ([] if machine.takes_ghosts else [Path("/dev/loop3")])
    assert (tmp_path / "ghost").exists()
