"""docs/licences.md names every package that pyproject.toml does."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_dependency_has_its_licence_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[<>=\[]", each)[0] for part in needed for each in part} - {"ghostswap"}
    listed = set(re.findall(r"[\w-]+", (ROOT / "docs" / "licences.md").read_text()))
    assert names <= listed, names - listed


def test_the_licence_is_the_one_that_is_stated() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "GPL-2.0-or-later"
    assert (
        "GNU GENERAL PUBLIC LICENSE\n                       Version 2"
        in (ROOT / "LICENSE").read_text()
    )
