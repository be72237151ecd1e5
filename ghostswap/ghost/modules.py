"""Have the kernel load a driver that it keeps as a module."""

import contextlib
import subprocess
from pathlib import Path

_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def open_driver(node: Path, module: str) -> bool:
    """True once `node`, by which the driver in `module` is reached, is there."""
    if node.exists() and _registered(node):
        return True
    with contextlib.suppress(OSError):  # no modprobe (package kmod): built in, or not to be had
        subprocess.run(["modprobe", "-q", module], env={"PATH": _SYSTEM_PATH}, check=False)
    return node.exists() and _registered(node)


def driver_is_to_be_had(node: Path, module: str) -> bool:
    """Whether open_driver() would find the driver, as far as can be told without loading it."""
    if node.exists() and _registered(node):
        return True
    try:
        done = subprocess.run(
            ["modprobe", "--dry-run", "--quiet", module], env={"PATH": _SYSTEM_PATH}, check=False
        )
        return done.returncode == 0
    except OSError:
        return False


def _registered(node: Path) -> bool:
    """False for a node without a driver behind it: systemd makes some for every module."""
    try:
        with node.open("rb", buffering=0):
            return True
    except OSError:
        return False
