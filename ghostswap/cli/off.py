"""`ghostswap off`: swap no more to ghost areas, and remove what `on` made."""

from typing import Annotated

import typer

from ghostswap.application.ghost import turn_off
from ghostswap.cli import options
from ghostswap.cli.on import area_text
from ghostswap.cli.render import print_json, printable
from ghostswap.errors import UsageError
from ghostswap.report.ghost import area_document


def off(
    areas: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH|NAME", help="Ghost files or names, as `on` shows them."),
    ] = None,
    everything: Annotated[bool, typer.Option("-a", "--all", help="Every ghost area.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even if memory may not hold what is in the area.")
    ] = False,
    json: options.Json = False,
    exact: options.Bytes = False,
    quiet: options.Quiet = False,
) -> None:
    """Give up ghost areas; memory takes back what they hold.

    What `on` made for them is removed. Without an argument it is the only area there is. What a
    killed run left is removed, too.
    """
    if areas and everything:
        raise UsageError("off", "name areas or give --all, not both")
    given_up = turn_off(areas or [], everything=everything, force=force)
    if json:
        print_json([area_document(area, changed=True) for area in given_up])
    elif not given_up:
        if not quiet:
            print("no ghost area is on")
    else:
        for area in given_up:
            state = "off" if area.swap else "removed what was left"
            print(f"{printable(area.name)}: {state}, {area_text(area, exact)}")
