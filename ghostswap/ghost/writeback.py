"""Keep zswap from writing anything back while all areas are ghosts, and allow it again afterwards.

memory.zswap.writeback (since v6.8) holds for a control group and all below it, and the root group
has one: mem_cgroup_zswap_writeback_enabled(), mm/memcontrol.c.
"""

from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.files import replaced_whole
from ghostswap.ghost.run_folder import RUN_FOLDER
from ghostswap.host.cgroups import unified_mount
from ghostswap.host.files import HostFiles
from ghostswap.host.swaps import Medium, read_swaps
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zswap import stores_incompressible

NOTE = RUN_FOLDER / "zswap.writeback"
"""What memory.zswap.writeback of the root group was before `on` changed it; absent if it did not.
Only root can write it, and it outlives a run that is killed."""

_NONE = "this host has no memory.zswap.writeback (since Linux 6.8, control groups version 2)"
_ALLOWED, _FORBIDDEN = "1", "0"


def switch_of(files: HostFiles) -> Path | None:
    """The root group's memory.zswap.writeback; None where there is none."""
    mount = unified_mount(files)
    switch = files.root / (mount or "") / "memory.zswap.writeback"
    return switch if mount is not None and switch.exists() else None


def check(files: HostFiles) -> None:
    """Raise GhostswapError where writeback cannot be forbidden, or an area with storage is on."""
    if switch_of(files) is None:
        raise GhostswapError("--no-writeback", _NONE)
    for area in read_swaps(files):
        if area.medium is not Medium.GHOST:
            raise GhostswapError(
                "--no-writeback",
                f"{area.path.decode(errors='backslashreplace')} is on, and would get no page",
            )


def advice(files: HostFiles, version: KernelVersion) -> str | None:
    """What to say of a device-mapper ghost that is switched on while zswap may write back; None
    where that cannot be forbidden, is forbidden, or would keep pages from an area with storage."""
    switch = switch_of(files)
    if switch is None or any(area.medium is not Medium.GHOST for area in read_swaps(files)):
        return None
    try:
        if switch.read_text().strip() == _FORBIDDEN:
            return None
    except OSError:
        return None
    price = (
        "; pages that do not compress are then refused" if stores_incompressible(version) else ""
    )
    return (
        "a full pool makes zswap decompress pages to write them to the ghost, in vain:"
        f" --no-writeback keeps it from that{price}"
    )


def forbid(files: HostFiles, note: Path = NOTE) -> bool:
    """Have zswap write nothing back on the whole host; False where that was so before."""
    switch = switch_of(files)
    if switch is None:
        raise GhostswapError("--no-writeback", _NONE)
    try:
        if switch.read_text().strip() == _FORBIDDEN:
            return False
        with replaced_whole(note) as file:  # first, so that whatever comes now, it is known
            file.write(_ALLOWED.encode())
        switch.write_text(_FORBIDDEN)
    except OSError as error:
        raise GhostswapError(switch or note, os_reason(error)) from error
    return True


def allow_again(files: HostFiles, note: Path = NOTE) -> None:
    """Undo what forbid() did, in this run or in one that was killed. Raises GhostswapError."""
    if not note.exists():
        return
    switch = switch_of(files)
    try:
        if switch is not None:
            switch.write_text(_ALLOWED)
        note.unlink()
    except OSError as error:
        raise GhostswapError(switch or note, os_reason(error)) from error
