"""`ghostswap on`: swap to a ghost area, on any kernel."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import options
from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.ghost.areas import GhostArea, Way
    from ghostswap.ghost.plan import Plan, Wishes


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
        typer.Option("--priority", metavar="N", help="0 to 32767; higher is used first."),
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
    from ghostswap.cli.render import print_json, printable, warn
    from ghostswap.ghost import devicemapper
    from ghostswap.ghost.areas import Way
    from ghostswap.ghost.plan import Wishes, shell_lines
    from ghostswap.ghost.zswap_switch import shrinker_is_on
    from ghostswap.swapfile.running import running_kernel
    from ghostswap.swapfile.verdict import Kernel

    wishes = Wishes(priority, enable_zswap, no_writeback)
    if dry_run:
        plan = _plan(path, size, wishes)
        way = Way.KERNEL if running_kernel() is Kernel.GHOST else Way.DEVICE_MAPPER
        if way is Way.DEVICE_MAPPER:
            devicemapper.check_there()
        lines = list(shell_lines(plan, way))
        if json:
            print_json(_planned(plan, way, lines))
        else:
            print("\n".join(lines))
        return

    if shrinker_is_on():
        warn("zswap's shrinker tries to write pages back, for which a ghost has no room", quiet)
    area, changed = _switch_on(path, size, wishes)
    if json:
        print_json(area_document(area, changed))
    else:
        state = "on" if changed else "already on"
        print(f"{printable(area.name)}: {state}, {area_text(area, exact)}")


def _plan(path: Path | None, size: int | None, wishes: "Wishes") -> "Plan":
    from ghostswap.ghost.plan import plan_for_file, plan_for_new_file, plan_for_size
    from ghostswap.ghost.swapcalls import PRIORITIES

    priority = wishes.priority
    if priority is not None and priority not in PRIORITIES:
        raise UsageError("--priority", f"{priority} is not in 0 to {PRIORITIES[-1]}")
    match path, size:
        case None, None:
            raise UsageError("on", "which area? give PATH, --size SIZE or both")
        case Path(), None:
            return plan_for_file(path, wishes)
        case None, int():
            return plan_for_size(size, wishes)
        case Path(), int():
            return plan_for_new_file(path, size, wishes)
    raise AssertionError


def _switch_on(path: Path | None, size: int | None, wishes: "Wishes") -> "tuple[GhostArea, bool]":
    """The area, on, and whether it was not before."""
    from ghostswap.errors import GhostswapError
    from ghostswap.ghost import devicemapper, writeback
    from ghostswap.ghost.areas import area_of, find_areas
    from ghostswap.ghost.plan import check_root
    from ghostswap.ghost.run_folder import one_at_a_time
    from ghostswap.ghost.switch import carry_out, switch_off, switch_on
    from ghostswap.host.files import HostFiles

    check_root("swapon")
    area: GhostArea | None = None
    host = HostFiles(Path("/"))
    with one_at_a_time():
        found = find_areas(host, devicemapper.names())
        for left in (area for area in found if area.swap is None):  # by a run that was killed
            carry_out(switch_off(left))
        if all(area.swap is None for area in found):
            writeback.allow_again(host)
        plan = _plan(path, size, wishes)
        with suppress(OSError):
            area = area_of(plan.file.stat(), (area for area in found if area.swap is not None))
        if area is not None:
            if plan.forbid_writeback:
                writeback.forbid(host)
            if plan.page is not None and area.size != plan.size:
                why = f"is on with {area_text(area)}: ghostswap off it first"
                raise GhostswapError(area.name, why)
            return area, False
        carry_out(switch_on(plan))
        area = area_of(plan.file.stat(), find_areas(host))
    if area is None or area.swap is None:
        raise GhostswapError(plan.file, "was switched off again meanwhile")
    return area, True


def area_document(area: "GhostArea", changed: bool) -> dict[str, object]:
    """A ghost area as `on` and `off` tell it in JSON; sizes in bytes, null where it is not on."""
    return {
        "name": area.name,
        "way": area.way.value,
        "device": str(area.device),
        "file": None if area.file is None else str(area.file),
        "size_bytes": area.size,
        "used_bytes": area.swap.used if area.swap else None,
        "priority": area.swap.priority if area.swap else None,
        "changed": changed,
    }


def area_text(area: "GhostArea", exact: bool = False) -> str:
    """The same in a few words for people."""
    from ghostswap.cli.render import size_text
    from ghostswap.ghost.areas import Way

    made = "by device mapper" if area.way is Way.DEVICE_MAPPER else "by the kernel itself"
    if area.size is None:
        return f"made {made} ({area.device})"
    return f"{size_text(area.size, exact)} made {made} ({area.device})"


def _planned(plan: "Plan", way: "Way", lines: list[str]) -> dict[str, object]:
    return {
        "file": str(plan.file),
        "way": way.value,
        "size_bytes": plan.size,
        "priority": plan.priority,
        "commands": lines,
    }
