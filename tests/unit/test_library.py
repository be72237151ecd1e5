"""docs/library.md: its example runs, and every name in it can be imported."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ghostswap
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
