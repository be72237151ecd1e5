"""`--help` on a terminal of 80 columns, as a newcomer reads it."""

import os
import subprocess
import sys

import pytest

from completions.tree import subcommands

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
    assert groups[-1] == "Output:"
    assert len(groups) == len(set(groups))
    assert "--help" in text.partition("Output:")[2]


def test_the_usage_line_is_in_the_form_of_manual_pages() -> None:
    assert shown("mkghost").startswith("Usage: ghostswap mkghost [OPTIONS] PATH\n")
    assert shown("inspect").startswith("Usage: ghostswap inspect [OPTIONS] [PATH]...\n")
    assert shown("on").startswith("Usage: ghostswap on [OPTIONS] [PATH]\n")


def test_choices_and_defaults_are_shown() -> None:
    text = shown("mkghost")
    assert "--endianness native|little|big" in text
    assert "[default: random]" in text
