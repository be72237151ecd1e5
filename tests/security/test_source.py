"""What the source must never do: run a shell, run code out of data, look for programs in PATH."""

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import ghostswap
from ghostswap.ghost.modules import driver_is_to_be_had, open_driver

PACKAGE = Path(ghostswap.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
# os.exec*, spawn* and popen look for a program, some by a shell; the others run what data says.
FORBIDDEN = {"system", "popen", "eval", "exec", "__import__", "compile", "getstatusoutput"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "pty", "commands", "tempfile"}


def calls(tree: ast.AST) -> Iterator[tuple[str, str, ast.Call]]:
    """Each call: the name of the object, the name called, and the call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield "", node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                owner = node.func.value
                yield owner.id if isinstance(owner, ast.Name) else "?", node.func.attr, node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_shell_and_no_code_out_of_data(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for owner, name, call in calls(tree):
        where = f"{path}:{call.lineno}"
        assert not (owner in ("", "os", "subprocess", "builtins") and name in FORBIDDEN), where
        assert not (owner == "os" and name.startswith(("exec", "spawn", "posix_spawn"))), where
        for keyword in call.keywords:
            assert keyword.arg != "shell", where
        if owner == "subprocess":
            assert name == "run", where
            assert any(keyword.arg == "env" for keyword in call.keywords), where
            assert isinstance(call.args[0], ast.List), where


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_that_runs_what_it_reads(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not {name.split(".")[0] for name in names} & FORBIDDEN_MODULES, f"{path}:{names}"


def test_programs_are_sought_where_the_system_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, marks = tmp_path / "modprobe", tmp_path / "marks"
    own.write_text(f"#!/bin/sh\ntouch {marks}\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    subprocess.run(["modprobe"], check=True)
    assert marks.exists()  # PATH does name it
    marks.unlink()
    assert not driver_is_to_be_had(tmp_path / "node", "no-such-module-of-ours")
    assert not open_driver(tmp_path / "node", "no-such-module-of-ours")
    assert not marks.exists()
