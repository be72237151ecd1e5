"""What would come of swapping to this path: header, file and file system taken together."""

import shlex
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ghostswap.kernel.ioctls import FS_IMMUTABLE_FL
from ghostswap.swapfile.area import AreaFacts, Kind, look_at, look_at_open
from ghostswap.swapfile.device import device_obstacle, is_read_only
from ghostswap.swapfile.layout import max_badpages
from ghostswap.swapfile.placement import Placement, placement_of, placement_of_open
from ghostswap.swapfile.running import PAGE_SIZE, running_kernel, running_version
from ghostswap.swapfile.suitability import (
    Obstacle,
    extent_obstacles,
    mapping_obstacles,
    unknowns,
)
from ghostswap.swapfile.verdict import Area, Check, Kernel, Verdict, judge

LIBBLKID_MINIMUM = 10 * 4096
"""Bytes; libblkid recognises no swap area below this (superblocks/swap.c, minsz, v2.42)."""

_OPEN_ERRORS = {
    stat.S_IFDIR: ("EISDIR", "Is a directory"),
    stat.S_IFCHR: ("EINVAL", "a character device is no place for swap"),
    stat.S_IFIFO: ("EINVAL", "a FIFO is no place for swap"),
    stat.S_IFSOCK: ("ENXIO", "a socket is no place for swap"),
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that is known of one path; `placement` of a regular file only.

    `refusal` is what swapon(2) on the running kernel answers now, with the name of the error; None
    when it would accept. `obstacles` are all that lie in the way on the file system.
    """

    area: AreaFacts
    placement: Placement | None
    verdicts: dict[Kernel, Verdict]
    obstacles: tuple[Obstacle, ...]
    refusal: str | None
    warnings: tuple[str, ...]


def inspect_path(path: Path, instead: Callable[[Path], str] | None = None) -> Inspection:
    """Everything about `path`. Raises GhostswapError when it cannot be read.

    `instead` is asked what else there is for a ghost that this kernel does not take.
    """
    area = look_at(path)
    return _inspected(area, placement_of(path) if area.is_file else None, instead)


def inspect_open(path: Path, fd: int) -> Inspection:
    """The same of the file or device that is open as `fd`, wherever `path` leads by now."""
    area = look_at_open(path, fd)
    return _inspected(area, placement_of_open(fd) if area.is_file else None)


def _inspected(
    area: AreaFacts, placement: Placement | None, instead: Callable[[Path], str] | None = None
) -> Inspection:
    verdicts = {kernel: _judge(area, kernel) for kernel in Kernel}
    kernel = running_kernel() if area.kind is Kind.GHOST else Kernel.STOCK
    is_ghost = kernel is Kernel.GHOST and area.size == PAGE_SIZE

    before: tuple[Obstacle, ...] = ()
    after: tuple[Obstacle, ...] = ()
    if placement is not None:
        before = tuple(mapping_obstacles(placement, PAGE_SIZE, running_version()))
        if area.header is not None and area.kind is not Kind.GHOST:
            after = tuple(extent_obstacles(placement, PAGE_SIZE))
    refusal = (
        _open_error(area, placement)
        or _einval(before)
        or _einval_header(verdicts[kernel])
        or (None if is_ghost else _einval(after))
    )
    obstacles = before + after
    warnings = (*_obstacle_lines(area.path, obstacles), *_traps(area, placement, instead))
    return Inspection(area, placement, verdicts, obstacles, refusal, warnings)


def _judge(area: AreaFacts, kernel: Kernel) -> Verdict:
    if not (area.is_file or area.is_device):
        _, why = _OPEN_ERRORS[stat.S_IFMT(area.facts.st_mode)]
        return Verdict(0, (Check("file_type", False, why, logged=False),))
    seen = Area(area.head, area.size, area.is_file)
    return judge(seen, kernel, PAGE_SIZE, version=running_version())


def _open_error(area: AreaFacts, placement: Placement | None) -> str | None:
    """The errors before anything is read: swapon(2) opens for writing, and alone."""
    error = _OPEN_ERRORS.get(stat.S_IFMT(area.facts.st_mode))
    if error is not None:
        return ": ".join(error)
    if area.active:
        return "EBUSY: already in use as swap"
    if area.is_device:
        return device_obstacle(area.facts.st_rdev)
    if area.mount is not None and area.mount.read_only:
        return "EROFS: its file system is mounted read-only"
    if placement is not None and placement.flags & FS_IMMUTABLE_FL:
        return "EPERM: the file is immutable (chattr -i makes it writable)"
    if area.writable is False:
        return "EROFS: it cannot be opened for writing (a read-only subvolume or snapshot?)"
    return None


def _einval(obstacles: tuple[Obstacle, ...]) -> str | None:
    return f"EINVAL: {obstacles[0].reason}" if obstacles else None


def _einval_header(verdict: Verdict) -> str | None:
    return None if verdict.accepted else f"EINVAL: {verdict.reason}"


def _obstacle_lines(path: Path, obstacles: tuple[Obstacle, ...]) -> Iterator[str]:
    for obstacle in obstacles:
        fix = f"ghostswap inspect --fix {shlex.quote(str(path))} " if obstacle.fixable else ""
        yield f"{obstacle.reason}: {fix}{obstacle.fix}"


def _traps(
    area: AreaFacts, placement: Placement | None, instead: Callable[[Path], str] | None
) -> Iterator[str]:
    """What the kernel does not mind and the user should know, each with the fix."""
    if area.header is None:
        return
    path = shlex.quote(str(area.path))
    yield from _ownership(area, path)
    if area.kind is Kind.HIBERNATION_IMAGE:
        yield "it holds the memory of a suspended system, which mkswap and swapon would destroy"
    if area.is_device and is_read_only(area.facts.st_rdev):
        yield "the device is read-only: whatever swapon(2) says, no page can be swapped out to it"
    if area.is_file and area.allocated < area.size:
        yield "swapon(8) refuses it before the kernel sees it: it appears to have holes"
    if area.kind is Kind.TRUNCATED:
        yield f"shorter than its header says: mkswap {path} makes an area of what is there"
    if area.kind is Kind.GHOST and running_kernel() is Kernel.STOCK:
        otherwise = "" if instead is None else f"; {instead(area.path)}"
        yield f"this kernel takes no ghost file{otherwise}"
    if area.size < LIBBLKID_MINIMUM:
        yield (
            "libblkid sees no swap area below 40 KiB: UUID= and LABEL= in fstab do not find it, "
            "name it by its path"
        )
    if area.header.page_size != PAGE_SIZE:
        yield (
            f"made for pages of {area.header.page_size} bytes, this machine has {PAGE_SIZE}: "
            "mkswap it anew"
        )
    if area.kind is Kind.GHOST and area.header.nr_badpages:
        limit = max_badpages(area.header.page_size)
        yield (f"a ghost that lists bad pages: no kernel checks their number (up to {limit}) there")
    if area.kind is Kind.SWAPFILE and area.size - area.header.size_bytes >= area.header.page_size:
        yield f"{area.size - area.header.size_bytes} bytes behind the area are not used for swap"
    if placement is not None:
        yield from unknowns(placement)


def _ownership(area: AreaFacts, path: str) -> Iterator[str]:
    """As swapon(8) and mkswap(8) warn: others must not read what was swapped out."""
    forbidden, suggested = (0o7007, 0o660) if area.is_device else (0o7077, 0o600)
    mode = stat.S_IMODE(area.facts.st_mode)
    if mode & forbidden:
        yield f"insecure permissions {mode:04o}: chmod {suggested:04o} {path}"
    if area.facts.st_uid != 0 and area.is_file:
        yield f"insecure file owner {area.facts.st_uid}: chown 0:0 {path}"
