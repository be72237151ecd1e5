"""Tests that boot other kernels run only when they are asked for: `pytest tests/vm`."""

from pathlib import Path

import pytest

from ghostswap.pages.file import open_dump
from tests.dumps import PAGE, python_core


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these files out unless this folder, or a file in it, was named."""
    here = Path(__file__).parent
    named = [Path(word.partition("::")[0]).resolve() for word in config.args]
    return None if any(path.is_relative_to(here) for path in named) else True


@pytest.fixture(scope="session")
def process_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every page of a CPython process, end to end in a file."""
    source = open_dump(python_core(tmp_path_factory.mktemp("core")), PAGE)
    pages = bytearray(source.runs.pages * PAGE)
    assert source.open().read(0, source.runs.pages, memoryview(pages)).all()
    path = tmp_path_factory.mktemp("dump") / "pages"
    path.write_bytes(pages)
    return path
