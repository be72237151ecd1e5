"""Which commands and options there are: the command tree as plain data, read from the tree itself.

The completions are generated from it, and the manual pages are held against it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer

from ghostswap.cli.app import command_tree


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its spellings, the long one last, and what follows it.

    A flag has no `metavar`. `choices` are the words allowed, empty where anything may follow.
    """

    names: tuple[str, ...]
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Argument:
    """What a command takes besides options; `many` when it takes any number of it."""

    metavar: str
    is_path: bool
    required: bool
    many: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand, or (with an empty name) the program itself."""

    name: str
    summary: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...] = ()


HELP_SUMMARY = "Show the help of a command"
"""Of `ghostswap help COMMAND`, which is another way to say `ghostswap COMMAND --help`."""
_HELP = Option(("-h", "--help"), "Show this message and exit.")


def program() -> Command:
    """The program's own options."""
    tree: Any = typer.main.get_command(command_tree())
    return _command("", tree)


def subcommands() -> list[Command]:
    """All subcommands, by name."""
    tree: Any = typer.main.get_command(command_tree())
    return [_command(name, tree.commands[name]) for name in sorted(tree.commands)]


def _command(name: str, command: Any) -> Command:
    shown = [param for param in command.params if not param.hidden]
    options = [_option(param) for param in shown if param.param_type_name == "option"]
    arguments = [_argument(param) for param in shown if param.param_type_name == "argument"]
    summary = " ".join((command.help or "").partition("\n\n")[0].split()).rstrip(".")
    return Command(name, summary, (*options, _HELP), tuple(arguments))


def _option(param: Any) -> Option:
    names, text = tuple(param.opts), param.help or ""
    if param.is_flag:
        return Option(names, text)
    choices = tuple(_choices(param))
    metavar = param.metavar or ("|".join(choices) if choices else param.name.upper())
    return Option(names, text, metavar, choices, param.multiple)


def _choices(param: Any) -> Iterator[str]:
    """The words that may follow: members of an enum, or lower-case and numeric words of a metavar,
    as `random` and `nil` of UUID|random|nil."""
    for kind in _types(param):
        if isinstance(kind, type) and issubclass(kind, Enum):
            yield from (str(member.value) for member in kind)
            return
    words = (param.metavar or "").split("|")
    if len(words) > 1:
        yield from (word for word in words if word == word.lower())


def _argument(param: Any) -> Argument:
    metavar = (param.metavar or param.name.upper()).strip("[].…")
    return Argument(metavar, Path in _types(param), param.required, param.nargs == -1)


def _types(param: Any) -> tuple[Any, ...]:
    """The parameter's type, and what it is a list or a union of."""
    annotation = param.type_descriptor.annotation
    return (annotation, *get_args(annotation))
