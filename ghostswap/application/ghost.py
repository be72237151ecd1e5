"""Ghost areas: switched on, found again, and given up."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shlex import quote

from ghostswap.errors import GhostswapError, UsageError
from ghostswap.ghost import devicemapper, writeback
from ghostswap.ghost.areas import Backend, GhostArea, area_of, find_areas, has_own_file
from ghostswap.ghost.plan import (
    SwitchOn,
    Wishes,
    check_memory,
    check_root,
    plan_for_file,
    plan_for_new_file,
    plan_for_size,
)
from ghostswap.ghost.run_folder import one_at_a_time
from ghostswap.ghost.swapcalls import PRIORITIES
from ghostswap.ghost.switch import carry_out, remove_own_file, switch_off, switch_on
from ghostswap.ghost.zswap_switch import shrinker_is_on
from ghostswap.host.files import HostFiles
from ghostswap.host.memory import read_memory
from ghostswap.owned import open_owned
from ghostswap.swapfile.inspection import Inspection, inspect_path
from ghostswap.swapfile.running import running_kernel, running_version
from ghostswap.swapfile.verdict import Kernel
from ghostswap.units import format_size

_HERE = Path("/")


def prepare(path: Path | None, size: int | None, wishes: Wishes) -> SwitchOn:
    """What is to be done for an area of `size` bytes, or of the ghost file at `path`, or of a file
    made there; GhostswapError, or UsageError, with the reason why not."""
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


def backend_here() -> Backend:
    """How this kernel gets a ghost area; GhostswapError where it lacks what that takes."""
    if running_kernel() is Kernel.GHOST:
        return Backend.KERNEL
    devicemapper.check_there()
    return Backend.DEVICE_MAPPER


def inspect_area(path: Path) -> Inspection:
    """What inspect_path() tells; and of a ghost that this kernel does not take, whether turn_on()
    would have it swap there all the same. Raises GhostswapError when `path` cannot be read."""
    return inspect_path(path, _instead_of_swapon)


def _instead_of_swapon(path: Path) -> str:
    try:
        devicemapper.check_there()
    except GhostswapError as error:
        return f"nor can ghostswap on swap to it: {error.why}"
    return f"ghostswap on {quote(str(path))} swaps to it all the same"


def advice(backend: Backend, wishes: Wishes, *, turned_on: bool) -> list[str]:
    """What is to be said of a ghost area into which zswap may write back, a line each, once it is
    `turned_on` or before. A kernel that knows ghosts does not try."""
    lines = []
    if turned_on and backend is Backend.DEVICE_MAPPER and shrinker_is_on():
        lines.append("zswap's shrinker tries to write pages back, for which a ghost has no room")
    if backend is not Backend.KERNEL and not wishes.no_writeback:
        of_kernel = writeback.advice(HostFiles(_HERE), running_version())
        lines += [] if of_kernel is None else [of_kernel]
    return lines


def turn_on(path: Path | None, size: int | None, wishes: Wishes) -> tuple[GhostArea, bool]:
    """The area of prepare(), on, and whether it was off before; what killed runs left is gone."""
    check_root("swapon")
    area: GhostArea | None = None
    host = HostFiles(_HERE)
    with one_at_a_time():
        areas = find_areas(host, devicemapper.names())
        for left in (area for area in areas if area.swap is None):  # by a run that was killed
            carry_out(switch_off(left))
        if all(area.swap is None for area in areas):
            writeback.allow_again(host)
        plan = prepare(path, size, wishes)
        with suppress(OSError):
            area = area_of(plan.file.stat(), (area for area in areas if area.swap is not None))
        if area is not None:
            if plan.page is not None and area.size != plan.size:
                why = f"is on with {describe(area)}: ghostswap off it first"
                raise GhostswapError(area.name, why)
            if plan.forbid_writeback:
                writeback.forbid(host)
            return area, False
        carry_out(switch_on(plan))
        area = area_of(plan.file.stat(), find_areas(host))
    if area is None or area.swap is None:
        raise GhostswapError(plan.file, "was switched off again meanwhile")
    return area, True


def turn_off(words: Sequence[str], *, everything: bool, force: bool) -> list[GhostArea]:
    """Give up the areas that `words`, names or ghost files, mean; with `force` also where memory
    may not hold what is in them. What killed runs left is removed. They are returned as they were.
    """
    check_root("swapoff")
    host = HostFiles(_HERE)
    with one_at_a_time():
        areas = _meant(words, everything, find_areas(host, devicemapper.names()))
        if not force:
            check_memory(areas, read_memory(host))
        for area in areas:
            for _ in switch_off(area):  # a signal may end it anywhere, also within swapoff(2)
                pass
        left = [area for area in find_areas(host) if area.swap]
        if not any(map(has_own_file, left)):
            remove_own_file()  # a killed run may have left it alone
        if not left:
            writeback.allow_again(host)
    return areas


def _meant(words: Sequence[str], everything: bool, areas: Sequence[GhostArea]) -> list[GhostArea]:
    """Those of `areas`, and all that killed runs left. A file that is not on means none."""
    names = [area.name for area in areas if area.swap]
    if everything or (not words and len(names) < 2):
        return list(areas)
    if not words:
        raise UsageError("off", f"which one? {', '.join(names)}; or --all")
    meant = {area.name: area for area in areas if area.swap is None}
    for word in words:
        area = next((area for area in areas if area.name == word), None)
        area = area or _area_in(Path(word), areas)
        if area is not None:
            meant[area.name] = area
    return list(meant.values())


def _area_in(file: Path, areas: Sequence[GhostArea]) -> GhostArea | None:
    """The area whose ghost file is `file`, None if there is none; no word of others decides it."""
    if not os.path.lexists(file):
        raise GhostswapError(file, "no ghost area of this name, and no such file")
    descriptor = open_owned(file, os.O_RDONLY)
    try:
        return area_of(os.fstat(descriptor), areas)
    finally:
        os.close(descriptor)


def describe(area: GhostArea, size: str | None = None) -> str:
    """An area in a few words, its size as `size` has it."""
    made = "by device mapper" if area.backend is Backend.DEVICE_MAPPER else "by the kernel itself"
    if area.size is None:
        return f"made {made} ({area.device})"
    return f"{size or format_size(area.size)} made {made} ({area.device})"
