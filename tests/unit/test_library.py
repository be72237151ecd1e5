"""docs/library.md: its example runs, and every name in it can be imported."""

import ast
import ctypes
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ghostswap
from ghostswap.application.measure import Listener
from ghostswap.census.scan import Progress
from tests.dumps import mixed_dump

DOCUMENT = (Path(__file__).parents[2] / "docs/library.md").read_text()


def test_the_example_runs_and_is_five_lines(tmp_path: Path) -> None:
    example = DOCUMENT.partition("```python\n")[2].partition("```")[0]
    assert len(ast.parse(example).body) <= 5
    dump = mixed_dump(tmp_path / "app.core")
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *footprints, recommended = done.stdout.splitlines()
    systems = [line.split()[:2] for line in footprints]
    assert ["zswap", "zstd"] in systems
    assert ["ksm", "None"] in systems
    assert int(recommended) % (1 << 20) == 0
    assert 0 < int(recommended) < 1.25 * dump.stat().st_size  # zero pages of dumps are left out


@pytest.mark.parametrize("name", ghostswap.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(ghostswap, name).__name__ == name
    assert re.search(rf"`[^`]*\b{name}\b|\b{name}\(|import .*\b{name}\b", DOCUMENT)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(ghostswap, "nothing")  # noqa: B009


def test_importing_it_loads_nothing_else() -> None:
    probe = "import sys; before = {*sys.modules}; import ghostswap; print({*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'ghostswap'}"


def test_the_program_may_be_looked_into_afterwards(tmp_path: Path) -> None:
    """While it holds pages of others it may not: only root could read what /proc has of it."""
    dump = mixed_dump(tmp_path / "app.core")

    def dumpable() -> int:
        return int(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE

    meanwhile: list[int] = []

    @contextmanager
    def watched() -> Iterator[Progress]:
        meanwhile.append(dumpable())
        yield lambda done, known: None

    assert dumpable() == 1
    ghostswap.estimate(ghostswap.Sources([dump]), listener=Listener(pages=watched))
    assert (meanwhile, dumpable()) == ([0], 1)
