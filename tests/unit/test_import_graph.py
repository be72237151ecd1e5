"""No arrow climbs: each package imports only those below it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ghostswap

PACKAGE = Path(ghostswap.__file__).parent

# What stands below all but the kernel's rules, and imports none of the packages.
BASE = {"arrays", "errors", "extras", "files", "owned", "pulse", "signals", "units"}

# Each package, and all others that it may import; the lowest first.
MAY_IMPORT = {
    "kernel": "",
    "host": "kernel",
    "diagnose": "kernel host",
    "idle": "kernel host",
    "swapfile": "kernel host",
    "ghost": "kernel host swapfile",
    "pages": "kernel host swapfile",
    "census": "kernel host idle pages",
    "systems": "kernel census",
    "fleet": "kernel census systems",
    "plan": "kernel systems",
    "report": "kernel host diagnose swapfile ghost census systems fleet plan",
    "plots": "kernel pages census systems fleet plan report",
    "application": "kernel idle host diagnose swapfile ghost pages census systems fleet plan "
    "report",
    "cli": "kernel idle host diagnose swapfile ghost pages census systems fleet plan report plots "
    "application",
}
# What does not do anything by itself, and so may not read or write anything.
PURE = ("kernel", "diagnose", "systems", "plan")
DOES_IO = {"os", "pathlib", "subprocess", "fcntl", "mmap", "socket", "ctypes"}


def imports(file: Path) -> Iterator[str]:
    """Every module that `file` imports, also inside a function, by its full name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{file}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_of(name: str) -> list[Path]:
    folder = PACKAGE / name
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def test_every_package_has_its_place() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert there - {"__init__", "__main__", "__pycache__"} == MAY_IMPORT.keys() | BASE


def test_the_order_has_no_circle() -> None:
    below: set[str] = set()
    for name, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= below, name
        below.add(name)


@pytest.mark.parametrize("name", [*MAY_IMPORT, *sorted(BASE)])
def test_no_arrow_climbs(name: str) -> None:
    allowed = {name, *MAY_IMPORT.get(name, "").split()}
    if name != "kernel":
        allowed |= BASE
    climbing = {
        f"{file.relative_to(PACKAGE)} imports {module}"
        for file in files_of(name)
        for module in imports(file)
        if module.split(".")[0] == "ghostswap"
        and module.split(".")[1] in (MAY_IMPORT.keys() | BASE) - allowed
    }
    assert not climbing


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_reads_and_writes_nothing(name: str) -> None:
    for file in files_of(name):
        modules = {module.partition(".")[0] for module in imports(file)}
        assert not modules & DOES_IO, file.relative_to(PACKAGE)


def calls(file: Path) -> Iterator[str]:
    """What `file` calls by a plain name, or by a name in a module: print, sys.exit."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("name", sorted({*MAY_IMPORT, *BASE} - {"cli"}))
def test_only_the_command_line_prints_asks_and_exits(name: str) -> None:
    for file in files_of(name):
        assert not {"print", "input", "sys.exit", "exit"} & {*calls(file)}, file
        assert not {"typer", "rich"} & {each.partition(".")[0] for each in imports(file)}, file
