"""What every test against the running kernel needs: root, and the kernel's counters to itself."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.disks import Disks

# One lock a machine: zram, KSM and swap state is global, and two test runs would count each other.
LOCK = Path("/run/lock/ghostswap-kernel-tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    if os.geteuid() == 0:
        return
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs root: compares with the live kernel"))


@pytest.fixture(autouse=True, scope="session")
def _kernel_to_ourselves() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[Disks]:
    """Loop devices and file systems for one test, undone whatever happens."""
    made = Disks(tmp_path)
    try:
        yield made
    finally:
        made.undo()
