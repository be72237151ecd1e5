"""The options of what counts a fleet."""

from typing import Annotated

import typer

from ghostswap.cli import options
from ghostswap.cli.help import READ
from ghostswap.errors import UsageError
from ghostswap.fleet.engine import EngineName

_LEAST_MEMORY = 128 << 20


def _memory(text: str) -> int:
    size = options.size(text)
    if size < _LEAST_MEMORY:
        raise typer.BadParameter(f"{text} is less than 128 MiB")
    return size


Engine = Annotated[
    EngineName,
    typer.Option("--engine", rich_help_panel=READ, help="What counts a fleet."),
]
Master = Annotated[
    str | None,
    typer.Option(
        "--master",
        metavar="URL",
        rich_help_panel=READ,
        help="Spark's, or sc://HOST for Spark Connect (default: local).",
    ),
]
Memory = Annotated[
    int | None,
    typer.Option(
        "--memory",
        parser=_memory,
        metavar="SIZE",
        rich_help_panel=READ,
        help="What the engine may take (default: 1G); it spills to $TMPDIR.",
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", rich_help_panel=READ, help="Leave out files of a fleet that are unusable."
    ),
]


def check(engine: EngineName, master: str | None) -> None:
    """UsageError for a master without an engine that has one."""
    if master is not None and engine is not EngineName.SPARK:
        raise UsageError("--master", "goes with --engine spark")
