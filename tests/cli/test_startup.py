"""Command-line values mean what they say, and reading them needs no heavy module."""

import enum
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer import core

from ghostswap.cli import options, startup
from ghostswap.cli.app import COMMANDS, run

PLAIN = SimpleNamespace(parser=None, min=None, max=None, exists=False, resolve_path=False)


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


def test_a_command_loads_no_heavy_module(tmp_path: Path) -> None:
    ghost = tmp_path / "ghost"
    assert run(["mkghost", str(ghost), "--size", "1M", "--endianness", "big"]) == 0
    probe = (
        "import sys; from ghostswap.cli.app import run; assert run(sys.argv[1:]) == 0; "
        "loaded = {'pydantic', 'numpy', 'cramjam', 'rich'} & {*sys.modules}; "
        "sys.exit(str(loaded) if loaded else 0)"
    )
    for arguments in (
        ["inspect", ghost],
        ["mkghost", tmp_path / "other", "--pages", "9"],
        ["-h"],
        ["plan", "--help"],
        ["estimate-dedup", "--help"],
    ):
        command = [sys.executable, "-c", probe, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_a_command_does_not_wait_for_the_others(tmp_path: Path) -> None:
    probe = (
        "import sys; from ghostswap.cli.app import run; run(['inspect', sys.argv[1]]); "
        "sys.exit('ghostswap.cli.estimate' in sys.modules or 'ghostswap.cli.plan' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe, str(tmp_path)], capture_output=True)
    assert done.returncode == 0


def test_the_whole_program_has_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, (module, function) in COMMANDS.items():
        summary = str(inspect.getdoc(getattr(import_module(module), function))).partition("\n")[0]
        assert f"\n  {name:<14}  {summary}\n" in shown
    assert run(["--", "plan", "--ratio", "3", "--ram", "8G", "--print", "mib"]) == 0
    assert capsys.readouterr().out == "5632\n"
    assert run(["no-such-command"]) == 2
    assert "No such command 'no-such-command'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "a", "a"),
        (int, "12", 12),
        (float, "0.5", 0.5),
        (Path, "a/b", Path("a/b")),
        (list[Path], "a", Path("a")),
        (Colour, "blue", Colour.BLUE),
        (Colour, Colour.RED, Colour.RED),
    ],
)
def test_plain_values_become_what_the_parameter_says(
    annotation: object, text: object, value: object
) -> None:
    convert = startup.converter(annotation, PLAIN)
    assert convert is not None
    assert convert(text) == value


def test_what_is_not_plain_is_left_to_typer() -> None:
    ranged = SimpleNamespace(**{**vars(PLAIN), "min": 1})
    assert startup.converter(int, ranged) is None
    assert startup.converter(bytes, PLAIN) is None
    assert startup.converter(int | str, PLAIN) is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--pages", "many"], "'many' is not a whole number"),
        (["--size", "many"], "not a size"),
        (["--size", "1M", "--endianness", "middle"], "not one of native, little, big"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_option(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mkghost", str(tmp_path / "ghost"), *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert complaint in line
    assert arguments[-2] in line


def test_a_typer_that_is_built_otherwise_does_its_own_conversion(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(core, "build_runtime_param")
    startup.skip_pydantic.__wrapped__()
    assert not hasattr(core, "build_runtime_param")


def test_a_parameter_of_another_make_goes_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(core, "build_runtime_param", asked.append)
    startup.skip_pydantic.__wrapped__()
    odd = SimpleNamespace(annotation=int)  # no parameter_info
    getattr(core, "build_runtime_param")(odd)  # noqa: B009  Typer does not export it
    assert asked == [odd]


@pytest.mark.parametrize(
    "words", [("plan", "--ratio", "3", "--margin"), ("estimate-dedup", "--quick", "--error")]
)
def test_shares_are_read_alike(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    for text, complaint in (
        ("5 pages", "not a share: '5 pages' (examples: 5%, 0.05)"),
        ("5", "'5' is not a share from "),
        ("100%", "'100%' is not a share from "),
    ):
        assert run([*words, text]) == 2
        assert complaint in capsys.readouterr().err


def test_a_percent_sign_divides_by_a_hundred() -> None:
    assert options.share(0, 1)("0.5%") == options.share(0, 1)("0.005") == 0.005
    assert options.share(0, 1)("0.5") == 0.5
