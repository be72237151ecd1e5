"""`ghostswap off`: swap no more to ghost areas, and remove what `on` made."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import options
from ghostswap.errors import GhostswapError, UsageError

if TYPE_CHECKING:
    from ghostswap.ghost.areas import GhostArea


def off(
    areas: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH|NAME", help="Ghost files or names, as `on` shows them."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every ghost area.")] = False,
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
    from ghostswap.cli.on import area_document, area_text
    from ghostswap.cli.render import print_json, printable
    from ghostswap.ghost import devicemapper, writeback
    from ghostswap.ghost.areas import find_areas, has_own_file
    from ghostswap.ghost.own_file import remove_own_file
    from ghostswap.ghost.plan import check_memory, check_root
    from ghostswap.ghost.run_folder import one_at_a_time
    from ghostswap.ghost.switch import switch_off
    from ghostswap.host.files import HostFiles
    from ghostswap.host.memory import read_memory

    if areas and everything:
        raise UsageError("off", "name areas or give --all, not both")
    check_root("swapoff")
    host = HostFiles(Path("/"))
    with one_at_a_time():
        found = find_areas(host, devicemapper.names())
        chosen = _chosen(areas or [], everything, found)
        if not force:
            check_memory(chosen, read_memory(host))
        for area in chosen:
            for _ in switch_off(area):  # a signal may end it anywhere, also within swapoff(2)
                pass
        left = [area for area in find_areas(host) if area.swap]
        if not any(map(has_own_file, left)):
            remove_own_file()  # a killed run may have left it alone
        if not left:
            writeback.allow_again(host)

    if json:
        print_json([area_document(area, changed=True) for area in chosen])
    elif not chosen:
        if not quiet:
            print("no ghost area is on")
    else:
        for area in chosen:
            state = "off" if area.swap else "removed what was left"
            print(f"{printable(area.name)}: {state}, {area_text(area, exact)}")


def _chosen(
    words: Sequence[str], everything: bool, found: "Sequence[GhostArea]"
) -> "list[GhostArea]":
    """The areas that are meant, and all that killed runs left. A file that is not on means none."""
    names = [area.name for area in found if area.swap]
    if everything or (not words and len(names) < 2):
        return list(found)
    if not words:
        raise UsageError("off", f"which one? {', '.join(names)}; or --all")
    chosen = {area.name: area for area in found if area.swap is None}
    for word in words:
        named = next((area for area in found if area.name == word), None)
        area = named or _area_in(Path(word), found)
        if area is not None:
            chosen[area.name] = area
    return list(chosen.values())


def _area_in(file: Path, found: "Sequence[GhostArea]") -> "GhostArea | None":
    """The area whose ghost file is `file`, None if there is none; no word of others decides it."""
    from ghostswap.ghost.areas import area_of
    from ghostswap.owned import open_owned

    if not os.path.lexists(file):
        raise GhostswapError(file, "no ghost area of this name, and no such file")
    descriptor = open_owned(file, os.O_RDONLY)
    try:
        return area_of(os.fstat(descriptor), found)
    finally:
        os.close(descriptor)
