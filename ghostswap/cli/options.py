"""The options that mean the same in every subcommand, each spelt and explained once."""

from pathlib import Path
from typing import Annotated

import typer

from ghostswap.units import parse_size


def size(text: str) -> int:
    """A SIZE on the command line as bytes; a bad one is a usage error."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Bytes = Annotated[bool, typer.Option("--bytes", help="Print sizes as exact bytes.")]
NoHeadings = Annotated[bool, typer.Option("--noheadings", help="Print tables without headings.")]
Columns = Annotated[
    str | None, typer.Option("--output", metavar="COL,…", help="Which columns a table shows.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no progress and no warnings.")]
Root = Annotated[
    Path,
    typer.Option("--root", metavar="DIR", help="Read the host below DIR (it holds proc/ and sys/)."),
]
