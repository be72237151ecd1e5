"""In a guest: systemd as the first process of a PID namespace of its own, to run units.

It knows no units but those in /etc/systemd/system, and what it needs of them is empty there: the
host's own would start the host's services. What it and its services log is on the console.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.vm.guest import swapping

UNITS = Path("/etc/systemd/system")
_MANAGER = Path("/lib/systemd/systemd")
_GOAL = "guest.target"
# What ordinary services, timers and mounts depend on.
_EMPTY_TARGETS = ("sysinit", "basic", "shutdown", "umount", "timers", "time-set", "time-sync")
_STARTS_WITHIN = 120.0


def installed() -> bool:
    """Whether this machine has systemd's programs; it runs without it."""
    return _MANAGER.exists()


def no_units() -> None:
    """Hide the host's units: UNITS takes those of a test."""
    UNITS.mkdir(parents=True, exist_ok=True)
    swapping.run("mount", "-t", "tmpfs", "units", UNITS)
    for name in _EMPTY_TARGETS:
        (UNITS / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")


@dataclass(frozen=True, slots=True)
class Systemctl:
    """Runs systemctl for the systemd that has this number outside of its namespace."""

    manager: int

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Its output. systemd listens to nobody outside of its PID namespace, and systemctl does
        nothing by itself in a chroot, which the guest's whole system is."""
        return subprocess.run(
            ["nsenter", "--pid", f"--target={self.manager}", "systemctl", "--no-pager", *words],
            env=os.environ | {"SYSTEMD_IGNORE_CHROOT": "1"},
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def systemd(*starts: str) -> Iterator[Systemctl]:
    """systemd until the context ends; it has tried to start the units `starts` before."""
    (UNITS / _GOAL).write_text(
        f"[Unit]\nDefaultDependencies=no\nWants={' '.join(starts)}\nAfter={' '.join(starts)}\n"
    )
    # container: it leaves the machine's clock, devices and kernel settings alone.
    environment = {
        "container": "guest",
        "PATH": os.defpath,
        "SYSTEMD_UNIT_PATH": str(UNITS),
        "SYSTEMD_GENERATOR_PATH": "/run/no-generators",
    }
    # shared: a unit's credentials are mounted by a child of systemd, for others to see.
    own = ("--pid", "--mount-proc", "--propagation=shared", "--cgroup", "--fork", "--kill-child")
    words = (f"--unit={_GOAL}", "--log-target=console", "--default-standard-output=tty")
    unshare = subprocess.Popen(
        ["unshare", *own, _MANAGER, "--system", "--show-status=no", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment,
    )
    try:
        until = time.monotonic() + _STARTS_WITHIN
        children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
        while not (child := children.read_text()):
            assert time.monotonic() < until, "nothing came of unshare"
            time.sleep(0.1)
        systemctl = Systemctl(int(child))
        while systemctl("is-active", _GOAL).returncode:
            assert time.monotonic() < until, "systemd did not start"
            time.sleep(0.5)
        yield systemctl
    finally:
        unshare.kill()
        unshare.wait()
