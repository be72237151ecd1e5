"""Make an inactive swapfile fit for swapon(2) where it lies: blocks of its own, no holes."""

import os
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.kernel.ioctls import ExtentFlag
from ghostswap.owned import open_owned, path_of
from ghostswap.swapfile.area import Kind
from ghostswap.swapfile.inspection import Inspection, inspect_open
from ghostswap.swapfile.placement import Placement
from ghostswap.swapfile.suitability import Gap, extents_and_gaps

_COPIED_AT_ONCE = 1 << 20


def fix(path: Path) -> int:
    """Give the swapfile at `path` blocks of its own in place of holes and shared extents.

    The content stays as it is, byte for byte, also when this is interrupted: holes are allocated,
    and what is shared with a snapshot or a reflink is written over with itself, for which btrfs
    and xfs take new blocks. Returns the bytes that got them. Raises GhostswapError for an area
    that is active, no swapfile, suffers from what cannot be mended in place, or that somebody
    else might exchange meanwhile: it is opened once, and all that is done is done to what was
    opened.
    """
    fd = open_owned(path, os.O_RDONLY)
    try:
        placement = _fixable(inspect_open(path, fd))
        writable = os.open(path_of(fd), os.O_RDWR | os.O_CLOEXEC)
        try:
            return _fix(writable, placement)
        finally:
            os.close(writable)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from error
    finally:
        os.close(fd)


def _fixable(inspection: Inspection) -> Placement:
    """How the area lies. Raises GhostswapError where it is not to be mended, or cannot be."""
    area, placement = inspection.area, inspection.placement
    if area.active:
        raise GhostswapError(area.path, "is in use as swap: swapoff it before --fix")
    if area.kind is not Kind.SWAPFILE or placement is None:
        raise GhostswapError(area.path, f"is a {area.kind.value}; --fix mends swapfiles only")
    for obstacle in inspection.obstacles:
        if not obstacle.fixable:
            reason = f"cannot be mended in place, {obstacle.reason}: {obstacle.fix}"
            raise GhostswapError(area.path, reason)
    return placement


def _fix(fd: int, placement: Placement) -> int:
    fixed = 0
    for extent in extents_and_gaps(placement, placement.size):
        if isinstance(extent, Gap):
            os.posix_fallocate(fd, extent.logical, extent.length)
            fixed += extent.length
        elif extent.has(ExtentFlag.SHARED):
            end = min(extent.logical + extent.length, placement.size)
            _write_over(fd, extent.logical, end)
            fixed += end - extent.logical
    os.fsync(fd)
    return fixed


def _write_over(fd: int, start: int, end: int) -> None:
    """Write the bytes from `start` up to `end` over themselves."""
    while start < end:
        content = os.pread(fd, min(_COPIED_AT_ONCE, end - start), start)
        if not content:
            return
        start += os.pwrite(fd, content, start)
