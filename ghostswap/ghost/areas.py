"""Which ghost areas are there: found in proc and sys, since nothing else is kept about them.

A kernel that knows ghosts has the one-page file itself in /proc/swaps. Elsewhere the area is a
device-mapper device whose name and UUID begin with `ghostswap-`, over a loop device on the file.
"""

import enum
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ghostswap.host.files import HostFiles
from ghostswap.host.swaps import SwapArea, parse_swaps
from ghostswap.swapfile.running import PAGE_SIZE

PREFIX = "ghostswap-"
"""What names and UUIDs of our mapped devices begin with."""

OWN_FILE = Path("/var/lib/ghostswap/ghost")
"""The ghost file of an area that was asked for by its size alone."""

_NAME_LENGTH = 40
_KEPT = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.=_")


class Backend(enum.StrEnum):
    """How a ghost file becomes a swap area."""

    KERNEL = "kernel"  # it knows ghosts, and takes the file itself
    DEVICE_MAPPER = "device-mapper"


@dataclass(frozen=True, slots=True)
class GhostArea:
    """A ghost area that is there. `name` is what `off` takes for it.

    `file` is the ghost file, None when the kernel does not tell or it is gone. `loops` are the
    device nodes below a mapped device. `swap` is its line in /proc/swaps; without one it is not
    swapped to: what a killed `on` or `off` left.
    """

    name: str
    backend: Backend
    device: Path
    file: Path | None
    loops: tuple[Path, ...]
    swap: SwapArea | None

    @property
    def size(self) -> int | None:
        """Bytes of the area with its header page; None when it is not on."""
        return self.swap.size + PAGE_SIZE if self.swap else None


def plain_name(file: Path) -> str:
    """A name for the mapped device of `file`, of what dmsetup and udev leave unescaped."""
    kept = "".join(char if char in _KEPT else "_" for char in file.name)
    return f"{PREFIX}{kept[:_NAME_LENGTH]}"


def unique_name(file: Path, facts: os.stat_result) -> str:
    """The same, and that of no other file: with its place in its file system."""
    return f"{plain_name(file)}-{facts.st_dev:x}-{facts.st_ino:x}"


def find_areas(files: HostFiles, mapped_names: Iterable[str] = ()) -> tuple[GhostArea, ...]:
    """Every ghost area of the host, by name: those that are on, and what is left of others.

    `mapped_names` are those of all mapped devices: sysfs does not show one without a table.
    """
    swaps = parse_swaps(files.data("proc/swaps") or b"")
    areas = [*_mapped(files, swaps), *_of_the_kernel(files, swaps)]
    known = {area.name for area in areas}
    areas += [
        GhostArea(name, Backend.DEVICE_MAPPER, Path("/dev/mapper") / name, None, (), None)
        for name in mapped_names
        if name.startswith(PREFIX) and name not in known
    ]
    return tuple(sorted(areas, key=lambda area: area.name))


def has_own_file(area: GhostArea) -> bool:
    """True for the area whose file `on --size` made, and `off` removes."""
    try:
        return area.file is not None and area.file.samefile(OWN_FILE)
    except OSError:
        return False


def area_of(file: os.stat_result, areas: Iterable[GhostArea]) -> GhostArea | None:
    """The one of `areas` whose ghost file has this stat(2), by whatever name; None if none has."""
    for area in areas:
        try:
            if area.file is not None and os.path.samestat(area.file.stat(), file):
                return area
        except OSError:
            continue
    return None


def _mapped(files: HostFiles, swaps: tuple[SwapArea, ...]) -> Iterator[GhostArea]:
    for node in files.names("sys/block"):
        folder = f"sys/block/{node}"
        uuid = files.text(f"{folder}/dm/uuid") if node.startswith("dm-") else None
        if not uuid or not uuid.startswith(PREFIX):
            continue
        name = files.text(f"{folder}/dm/name") or uuid
        loops = [slave for slave in files.names(f"{folder}/slaves") if slave.startswith("loop")]
        backing = files.text(f"sys/block/{loops[0]}/loop/backing_file") if loops else None
        device = Path("/dev") / node
        names = (os.fsencode(device), os.fsencode(f"/dev/mapper/{name}"))
        yield GhostArea(
            name=name,
            backend=Backend.DEVICE_MAPPER,
            device=device,
            file=Path(backing) if backing and not backing.endswith(" (deleted)") else None,
            loops=tuple(Path("/dev") / loop for loop in loops),
            swap=next((swap for swap in swaps if swap.path in names), None),
        )


def _of_the_kernel(files: HostFiles, swaps: tuple[SwapArea, ...]) -> Iterator[GhostArea]:
    """Areas of just one page on their file system, whatever word /proc/swaps has for them."""
    for swap in swaps:
        facts = files.status(swap.path) if swap.path.startswith(b"/") else None
        if facts is None or not stat.S_ISREG(facts.st_mode) or facts.st_size != PAGE_SIZE:
            continue
        file = Path(os.fsdecode(swap.path))
        yield GhostArea(str(file), Backend.KERNEL, file, file, (), swap)
