"""`ghostswap on`: swap to a ghost area, on any kernel."""

from pathlib import Path
from typing import Annotated

import typer

from ghostswap.application.ghost import advice, backend_here, describe, prepare, turn_on
from ghostswap.cli import options
from ghostswap.cli.render import print_json, printable, size_text, warn
from ghostswap.ghost.areas import GhostArea
from ghostswap.ghost.plan import Wishes, shell_lines
from ghostswap.report.ghost import area_document, switch_on_document


def on(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A ghost file, of mkghost.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            parser=options.size,
            metavar="SIZE",
            help="An area of this size; its file is made, and without PATH removed by `off`.",
        ),
    ] = None,
    priority: Annotated[
        int | None,
        typer.Option("-p", "--priority", metavar="N", help="0 to 32767; higher is used first."),
    ] = None,
    enable_zswap: Annotated[
        bool, typer.Option("--enable-zswap", help="Turn zswap on, should it be off.")
    ] = False,
    no_writeback: Annotated[
        bool,
        typer.Option(
            "--no-writeback", help="Until `off`, have zswap write nothing to any swap area."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the shell lines it stands for, do nothing.")
    ] = False,
    json: options.Json = False,
    exact: options.Bytes = False,
    quiet: options.Quiet = False,
) -> None:
    """Swap to a ghost area: to zswap alone, without a disk.

    zswap holds its pages in memory, compressed. A kernel with ghost swap is given PATH itself. On
    any other, device mapper makes a device of PATH and nothing: a page that zswap refuses cannot be
    written, and stays in memory.
    """
    wishes = Wishes(priority, enable_zswap, no_writeback)
    if dry_run:
        # What cannot be mended is said first.
        backend = backend_here()
        plan = prepare(path, size, wishes)
        lines = list(shell_lines(plan, backend))
        for line in advice(backend, wishes, turned_on=False):
            warn(line, quiet)
        if json:
            print_json(switch_on_document(plan, backend, lines))
        else:
            print("\n".join(lines))
        return

    area, changed = turn_on(path, size, wishes)
    for line in advice(area.backend, wishes, turned_on=True):
        warn(line, quiet)
    if json:
        print_json(area_document(area, changed))
    else:
        state = "on" if changed else "already on"
        print(f"{printable(area.name)}: {state}, {area_text(area, exact)}")


def area_text(area: GhostArea, exact: bool = False) -> str:
    """The same in a few words for people."""
    return describe(area, None if area.size is None else size_text(area.size, exact))
