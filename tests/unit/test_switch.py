"""Switching on is all or nothing, wherever it stops; the system calls are stood in for here."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.ghost import devicemapper, swapcalls, switch
from ghostswap.ghost.areas import GhostArea, Way
from ghostswap.ghost.plan import Plan
from ghostswap.host.swaps import parse_swaps


class Machine:
    """What is there, changed by the stand-ins; `fail_at` is the call that fails."""

    def __init__(self, takes_ghosts: bool = False) -> None:
        self.takes_ghosts = takes_ghosts
        self.there: list[str] = []
        self.calls = 0
        self.fail_at: int | None = None
        self.error = errno.EIO

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            raise OSError(self.error, os.strerror(self.error))

    def swapon(self, path: Path, priority: int | None) -> None:
        if not self.takes_ghosts and not path.is_relative_to("/dev"):
            raise OSError(errno.EINVAL, "Invalid argument")
        self._call()
        self.there.append(f"swap {path}")

    def swapoff(self, path: Path) -> None:
        self.there.remove(f"swap {path}")

    @contextmanager
    def loop_device(self, file: Path) -> Iterator[int]:
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

    def set_zswap(self, on: bool) -> None:
        if on:
            self._call()
            self.there.append("zswap")
        elif "zswap" in self.there:
            self.there.remove("zswap")


@pytest.fixture(params=["stock", "ghost"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(takes_ghosts=request.param == "ghost")
    for module, name in [
        (swapcalls, "swapon"),
        (swapcalls, "swapoff"),
        (switch, "loop_device"),
        (devicemapper, "create"),
        (devicemapper, "load"),
        (devicemapper, "start"),
        (devicemapper, "remove"),
        (switch, "set_zswap"),
    ]:
        monkeypatch.setattr(module, name, getattr(made, name))
    return made


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path / "own/ghost", 1 << 30, os.urandom(4096), None, True)


def test_on_leaves_the_area_zswap_and_the_file(machine: Machine, plan: Plan) -> None:
    switch.carry_out(switch.switch_on(plan))
    swapped = [thing for thing in machine.there if thing.startswith("swap ")]
    assert swapped == [f"swap {plan.file}" if machine.takes_ghosts else "swap /dev/dm-0"]
    assert "zswap" in machine.there
    assert "loop" not in machine.there  # held by the mapped device alone
    assert plan.file.read_bytes() == plan.page


def test_a_failure_anywhere_leaves_nothing(machine: Machine, plan: Plan) -> None:
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
    machine: Machine, plan: Plan, number: signal.Signals
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


def test_an_ignored_signal_is_ignored(machine: Machine, plan: Plan) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        switch.carry_out(_raising(switch.switch_on(plan), 0, signal.SIGHUP))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert any(thing.startswith("swap ") for thing in machine.there)


def test_too_many_areas_is_said_in_words(machine: Machine, plan: Plan) -> None:
    switch.carry_out(switch.switch_on(plan))
    machine.there.clear()
    machine.calls, machine.fail_at, machine.error = 0, machine.calls, errno.EPERM
    with pytest.raises(GhostswapError, match="too many swap areas"):
        switch.carry_out(switch.switch_on(plan))


def test_off_takes_all_away_and_leaves_a_named_file(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ghost").write_bytes(os.urandom(4096))
    released: list[Path] = []
    monkeypatch.setattr(switch, "release", released.append)
    switch.carry_out(switch.switch_on(Plan(tmp_path / "ghost", 1 << 30, None, 3, False)))
    (name,) = [thing for thing in machine.there if thing.startswith("ghostswap-")] or [""]
    device = tmp_path / "ghost" if machine.takes_ghosts else Path("/dev/dm-0")
    (swap,) = parse_swaps(f"Filename\n{device} partition 8 0 3\n".encode())
    way = Way.KERNEL if machine.takes_ghosts else Way.DEVICE_MAPPER
    area = GhostArea(name, way, device, tmp_path / "ghost", (Path("/dev/loop3"),), swap)
    switch.carry_out(switch.switch_off(area))
    assert machine.there == []
    assert released == ([] if machine.takes_ghosts else [Path("/dev/loop3")])
    assert (tmp_path / "ghost").exists()
