"""Tests that boot other kernels run only when they are asked for: `pytest tests/vm`."""

import struct
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.dumps import mixed_dump, python_core
from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

_PT_LOAD = 1
_FIRST = ("test_comes_true.py", "test_live_scans.py", "test_observer.py", "test_servers.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these files out unless this folder, or a file in it, was named."""
    here = Path(__file__).parent
    named = [Path(word.partition("::")[0]).resolve() for word in config.args]
    return None if any(path.is_relative_to(here) for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the file that takes longest, lest it is left over for one processor."""
    items.sort(key=lambda item: item.path.name not in _FIRST)


class InGuest(Protocol):
    """Boots a Debian kernel, and gives what a guest program prints there."""

    def __call__(self, version: str, program: str, *arguments: object) -> Any:
        """The program's JSON; booted once for all tests that want the same."""


@pytest.fixture(scope="session")
def in_guest(tmp_path_factory: pytest.TempPathFactory) -> InGuest:
    """run_in_guest, remembering answers."""

    @cache
    def run(version: str, program: str, *arguments: object) -> Any:
        folder = tmp_path_factory.mktemp(f"linux-{version}-{program}")
        return run_in_guest(debian_kernel(version), folder, program, *arguments)

    return run


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw dump: every page of a CPython process, then some of every kind."""
    folder = tmp_path_factory.mktemp("dump")
    core, mixed = python_core(folder), mixed_dump(folder / "mixed")
    path = folder / "pages"
    path.write_bytes(_memory_in(core.read_bytes()) + mixed.read_bytes())
    return path


def _memory_in(core: bytes) -> bytes:
    """The memory in an ELF core; read here, lest the code under test agrees with itself."""
    (table,), (entries,) = struct.unpack_from("<Q", core, 32), struct.unpack_from("<H", core, 56)
    memory = b""
    for entry in range(entries):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", core, table + 56 * entry)
        if kind == _PT_LOAD:
            memory += core[offset : offset + size]
    return memory
