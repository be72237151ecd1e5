"""The options that mean the same in every subcommand, each spelt and explained once."""

from collections.abc import Callable, Set
from pathlib import Path
from typing import Annotated

import typer

from ghostswap.cli.help import OUTPUT, READ
from ghostswap.errors import UsageError
from ghostswap.units import parse_duration, parse_share, parse_size

_WEEK = 7 * 86400


def size(text: str) -> int:
    """A SIZE on the command line as bytes; a bad one is a usage error."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def duration(text: str) -> float:
    """A DURATION on the command line in seconds, from a second to a week; else a usage error."""
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if not 1 <= seconds <= _WEEK:
        raise typer.BadParameter(f"{text!r} is not between 1s and 7d")
    return seconds


def share(least: float, most: float) -> Callable[[str], float]:
    """A parser of shares (5%, 0.05) from `least` to `most`; any other is a usage error."""

    def parse(text: str) -> float:
        try:
            value = parse_share(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        if not least <= value <= most:
            raise typer.BadParameter(f"{text!r} is not a share from {least:.4g} to {most:.4g}")
        return value

    return parse


def number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`; any other is a usage error.

    Typer's own min and max load pydantic, which takes longer than a small dump.
    """

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a whole number") from None
        if value < least:
            raise typer.BadParameter(f"{value} is less than {least}")
        if most is not None and value > most:
            raise typer.BadParameter(f"{value} is more than {most}")
        return value

    return parse


def label(text: str) -> bytes:
    """A label as a swap header holds it; one that does not fit is a usage error."""
    from ghostswap.swapfile.header import encode_label

    try:
        return encode_label(text)
    except ValueError as error:
        raise UsageError("--label", str(error)) from None


def uuid(text: str) -> bytes:
    """A UUID as a swap header holds it; anything else is a usage error."""
    from ghostswap.swapfile.header import parse_uuid

    try:
        return parse_uuid(text)
    except ValueError as error:
        raise UsageError("--uuid", str(error)) from None


def only(context: typer.Context, parameters: Set[str], why: str) -> None:
    """UsageError, saying `why`, for the first option that is given and none of these `parameters`
    of the command."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and parameter.name not in parameters:
            raise UsageError(max(parameter.opts, key=len), why)


def none(context: typer.Context, parameters: Set[str], why: str) -> None:
    """UsageError, saying `why`, for the first of these `parameters` that is given."""
    names = {parameter.name or "" for parameter in context.command.params}
    only(context, names - parameters, why)


Json = Annotated[
    bool,
    typer.Option(
        "-J", "--json", rich_help_panel=OUTPUT, help="Print one JSON document and nothing else."
    ),
]
Bytes = Annotated[
    bool, typer.Option("-b", "--bytes", rich_help_panel=OUTPUT, help="Print sizes as exact bytes.")
]
NoHeadings = Annotated[
    bool,
    typer.Option(
        "-n", "--noheadings", rich_help_panel=OUTPUT, help="Print tables without headings."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="COL,…",
        rich_help_panel=OUTPUT,
        help="Columns of the main table, in this order.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "-q", "--quiet", rich_help_panel=OUTPUT, help="Print no progress and no warnings."
    ),
]
Root = Annotated[
    Path,
    typer.Option(
        "--root",
        metavar="DIR",
        rich_help_panel=READ,
        help="Host whose proc/ and sys/ are below DIR.",
    ),
]
