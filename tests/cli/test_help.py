"""`--help` on a terminal of 80 columns, as a newcomer reads it."""

import os
import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer

from completions.tree import subcommands
from ghostswap.cli.app import command_tree, run
from ghostswap.cli.help import EXAMPLES

COMMANDS = [command.name for command in subcommands()]


def shown(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ghostswap", *command, "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_the_list_of_commands_says_of_each_in_whole_what_it_does() -> None:
    text = shown()
    assert "..." not in text.partition("Commands:")[2]
    for command in subcommands():
        assert f"  {command.name} " in text
        assert command.summary in text


@pytest.mark.parametrize("command", COMMANDS)
def test_options_stand_in_groups_the_common_ones_last(command: str) -> None:
    text = shown(command)
    assert max(map(len, text.splitlines())) <= 80
    groups = [line for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert groups[-2:] == ["Output:", "Examples:"]
    assert len(groups) == len(set(groups))
    assert "--help" in text.partition("Output:")[2].partition("Examples:")[0]


def test_the_usage_line_is_in_the_form_of_manual_pages() -> None:
    assert shown("mkghost").startswith("Usage: ghostswap mkghost [OPTIONS] PATH\n")
    assert shown("inspect").startswith("Usage: ghostswap inspect [OPTIONS] [PATH]...\n")
    assert shown("on").startswith("Usage: ghostswap on [OPTIONS] [PATH]\n")


def test_choices_and_defaults_are_shown() -> None:
    text = shown("mkghost")
    assert "--endianness native|little|big" in text
    assert "[default: random]" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_command_lines_that_are_right(command: str) -> None:
    tree: Any = typer.main.get_command(command_tree([command]))
    text = shown(command)
    for example in EXAMPLES[command]:
        assert f"\n  {example}\n" in text
        program, name, *words = shlex.split(example)
        assert (program, name) == ("ghostswap", command)
        tree.commands[command].make_context(name, words)  # raises what is wrong with it


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_a_command_too(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", command]) == 0
    by_word = capsys.readouterr()
    assert run([command, "--help"]) == 0
    assert by_word == capsys.readouterr()


def test_help_alone_lists_the_commands_and_of_none_it_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["help"]) == 0
    assert "mkghost" in capsys.readouterr().out
    assert run(["help", "mkhost"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ghostswap: No such command 'mkhost'")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["plan", "--nonsense"], "ghostswap plan"),
        (["mkghost"], "ghostswap mkghost"),
        (["on", "--size", "much"], "ghostswap on"),
        (["--nonsense"], "ghostswap"),
        (["mkhost"], "ghostswap"),
    ],
)
def test_a_wrong_line_points_to_the_help_of_its_command(
    words: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    error = capsys.readouterr().err
    assert error.endswith(f"Try '{command} --help'.\n")
    assert error.count("\n") == 1


# As mkswap(8), swaplabel(8), swapon(8), swapoff(8), lsmem(1) and prlimit(1) spell them.
_SHORT = {
    "--json": "-J",
    "--bytes": "-b",
    "--noheadings": "-n",
    "--output": "-o",
    "--quiet": "-q",
    "--label": "-L",
    "--uuid": "-U",
    "--pid": "-p",
    "--endianness": "-e",
    "--priority": "-p",
}
_SHORT_OF_ONE = {
    "mkghost": {"--size": "-s", "--page-size": "-p", "--force": "-f"},
    "off": {"--all": "-a"},
}


@pytest.mark.parametrize("command", subcommands(), ids=lambda command: command.name)
def test_options_have_the_short_names_of_util_linux(command: Any) -> None:
    expected = _SHORT | _SHORT_OF_ONE.get(command.name, {})
    for option in command.options:
        short, long = ("", *option.names)[-2:]
        if long != "--help":
            assert short == expected.get(long, ""), long


def test_short_options_do_what_the_long_ones_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-V"]) == 0
    assert capsys.readouterr().out.startswith("ghostswap ")
    words = ["plan", "--ratio", "3", "--ram", "8G,16G"]
    assert run([*words, "--bytes", "--noheadings", "--quiet", "--output", "ram,size"]) == 0
    long = capsys.readouterr()
    assert run([*words, "-bnqo", "ram,size"]) == 0
    assert capsys.readouterr() == long
    assert long.out.splitlines()[0].split()[0] == str(8 << 30)
