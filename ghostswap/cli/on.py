"""`ghostswap on`: swap to a ghost area, on any kernel."""

from pathlib import Path
from typing import Annotated

import typer

from ghostswap.application.ghost import backend_here, describe, prepare, turn_on, writeback_advice
from ghostswap.cli import options
from ghostswap.cli.render import print_json, printable, size_text, warn
from ghostswap.ghost.areas import Backend, GhostArea
from ghostswap.ghost.plan import SwitchOn, Wishes, shell_lines
from ghostswap.ghost.zswap_switch import shrinker_is_on

SCHEMA = "ghostswap.on/1"
DRY_RUN_SCHEMA = "ghostswap.on-dry-run/1"


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
        plan, backend = prepare(path, size, wishes), backend_here()
        lines = list(shell_lines(plan, backend))
        _advise(backend, wishes, quiet)
        if json:
            print_json(plan_document(plan, backend, lines))
        else:
            print("\n".join(lines))
        return

    area, changed = turn_on(path, size, wishes)
    if shrinker_is_on() and area.backend is Backend.DEVICE_MAPPER:
        warn("zswap's shrinker tries to write pages back, for which a ghost has no room", quiet)
    _advise(area.backend, wishes, quiet)
    if json:
        print_json(area_document(area, changed))
    else:
        state = "on" if changed else "already on"
        print(f"{printable(area.name)}: {state}, {area_text(area, exact)}")


def _advise(backend: Backend, wishes: Wishes, quiet: bool) -> None:
    advice = writeback_advice(backend, wishes)
    if advice is not None:
        warn(advice, quiet)


def area_document(area: GhostArea, changed: bool) -> dict[str, object]:
    """A ghost area as `on` and `off` tell it in JSON; sizes in bytes, null where it is not on."""
    return {
        "schema": SCHEMA,
        "name": area.name,
        "way": area.backend.value,
        "device": str(area.device),
        "file": None if area.file is None else str(area.file),
        "size_bytes": area.size,
        "used_bytes": area.swap.used if area.swap else None,
        "priority": area.swap.priority if area.swap else None,
        "changed": changed,
    }


def area_text(area: GhostArea, exact: bool = False) -> str:
    """The same in a few words for people."""
    return describe(area, None if area.size is None else size_text(area.size, exact))


def plan_document(plan: SwitchOn, backend: Backend, lines: list[str]) -> dict[str, object]:
    """What `on --dry-run` tells in JSON: the area, and the shell lines that make it."""
    return {
        "schema": DRY_RUN_SCHEMA,
        "file": str(plan.file),
        "way": backend.value,
        "size_bytes": plan.size,
        "priority": plan.priority,
        "commands": lines,
    }
