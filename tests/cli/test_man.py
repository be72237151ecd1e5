"""The manual pages say what the commands do: each option, and none that does not exist."""

import itertools
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from completions.tree import Command, Option, program, subcommands
from ghostswap import __version__
from ghostswap.census import codecs
from ghostswap.errors import GhostswapError
from man.roff import manual_page

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted((REPOSITORY / "man").glob("*.1"))
COMMANDS = [program(), *subcommands()]
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]

needs_man = pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
each_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


def page_of(command: Command) -> Path:
    return REPOSITORY / "man" / (f"ghostswap-{command.name}".rstrip("-") + ".1")


def sections(page: Path) -> dict[str, list[str]]:
    """The lines of each section, as a reader sees them."""
    text = re.sub(r"\\f[BIR]|\\&", "", page.read_text())
    text = re.sub(r"\\\[u(\w+)\]", lambda match: chr(int(match[1], 16)), text)
    text = text.replace(r"\-", "-").replace(r"\(aq", "'").replace(r"\e", "\\")
    parts = re.split(r"^\.SH (.+)$", text, flags=re.MULTILINE)
    return {name: part.splitlines() for name, part in zip(parts[1::2], parts[2::2], strict=True)}


def terms(lines: list[str]) -> list[str]:
    """What is explained in a list of options or statuses."""
    return [term for macro, term in itertools.pairwise(lines) if macro == ".TP"]


def as_documented(option: Option) -> str:
    return ", ".join(option.names) + (f" {option.metavar}" if option.metavar else "")


def test_every_command_has_a_page_and_every_page_a_command() -> None:
    assert {page_of(command) for command in COMMANDS} == set(PAGES)


@each_command
def test_every_option_is_documented_and_none_that_does_not_exist(command: Command) -> None:
    documented = terms(sections(page_of(command))["OPTIONS"])
    assert sorted(documented) == sorted(map(as_documented, command.options))


@each_page
def test_a_page_has_the_sections_that_readers_look_for(page: Path) -> None:
    by_title = sections(page)
    assert [name for name in by_title if name in SECTIONS] == SECTIONS
    assert terms(by_title["EXIT STATUS"])[:3] == ["0", "1", "2"]


@each_page
def test_what_the_examples_type_exists(page: Path) -> None:
    options = {
        command.name: {name for option in command.options for name in option.names}
        for command in COMMANDS
    }
    text = "\n".join(sections(page)["EXAMPLES"]).replace("\\\n", " ")
    typed = re.findall(r"ghostswap ([a-z-]+)([^|;>)\"\n]*)", text)
    assert typed
    for command, words in typed:
        assert {word for word in shlex.split(words) if word[0] == "-"} - {"-"} <= options[command]


@each_page
def test_pages_are_built_from_what_their_sources_say_now(page: Path) -> None:
    source = page.with_name(f"{page.name}.md")
    assert page.read_text() == manual_page(source, __version__), "run: python -m man"


@each_page
def test_references_name_pages_that_are_there(page: Path) -> None:
    named = re.findall(r"(ghostswap[a-z-]*)\(1\)", "\n".join(sections(page)["SEE ALSO"]))
    assert set(named) <= {other.stem for other in PAGES}


def test_the_page_states_each_compressors_error() -> None:
    text = " ".join(sections(page_of(Command("estimate-dedup", "", ())))["NOTES"])
    for name in codecs.NAMES:
        try:
            error = codecs.find(name).relative_error
        except GhostswapError:
            continue  # its library is not here
        if error:
            assert f"{error * 100:g} %" in text, name


def test_every_page_is_installed() -> None:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        shared = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    for page in PAGES:
        assert shared[f"man/{page.name}"] == f"share/man/man1/{page.name}"


@each_page
@pytest.mark.skipif(shutil.which("mandoc") is None, reason="needs mandoc")
def test_mandoc_finds_nothing_to_complain_of(page: Path) -> None:
    done = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


def shown_by_man(page: Path) -> str:
    done = subprocess.run(
        ["man", "--warnings", "-l", page],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"},
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


@each_page
@needs_man
def test_man_shows_a_page_without_warnings(page: Path) -> None:
    assert "EXIT STATUS" in shown_by_man(page)


@needs_man
@pytest.mark.parametrize("line", [".profile", "'q' \"$x\" `y` ~/a^b", "a\\b --c - d…", "**x** _y_"])
def test_an_example_can_be_pasted_as_it_was_written(line: str, tmp_path: Path) -> None:
    source = tmp_path / "x.1.md"
    source.write_text(f"# x(1) -- y\n\n## EXAMPLES\n\nText:\n\n```\n{line}\n```\n")
    page = tmp_path / "x.1"
    page.write_text(manual_page(source, "1"))
    assert f"           {line}" in shown_by_man(page).splitlines()


def test_a_page_without_a_title_is_named(tmp_path: Path) -> None:
    source = tmp_path / "x.1.md"
    source.write_text("x\n")
    with pytest.raises(ValueError, match=r"x\.1\.md: the first line is not"):
        manual_page(source, "1")
