"""How does a file lie on its file system: flags, extents, block size and, on btrfs, chunks?"""

import os
from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.swapfile import ioctls
from ghostswap.swapfile.btrfs import Volume, volume_of
from ghostswap.swapfile.filesystem import Mount, mount_of
from ghostswap.swapfile.ioctls import Extent


@dataclass(frozen=True, slots=True)
class Placement:
    """What the file system tells of a regular file; sizes in bytes.

    `extents` is None where it cannot list them, `volume` where it is no btrfs.
    """

    mount: Mount | None
    size: int
    allocated: int
    block_size: int
    flags: int
    extents: tuple[Extent, ...] | None
    volume: Volume | None


def placement_of(path: Path) -> Placement:
    """How the regular file `path` lies. Raises GhostswapError when it cannot be opened."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from error
    try:
        return placement_of_open(fd)
    finally:
        os.close(fd)


def placement_of_open(fd: int) -> Placement:
    """How the regular file that is open as `fd` lies."""
    facts = os.fstat(fd)
    mount = mount_of(fd)
    return Placement(
        mount=mount,
        size=facts.st_size,
        allocated=facts.st_blocks * 512,
        block_size=os.fstatvfs(fd).f_bsize,
        flags=_flags(fd),
        extents=_extents(fd),
        volume=_volume(fd, mount),
    )


def _flags(fd: int) -> int:
    try:
        return ioctls.get_flags(fd)
    except OSError:  # a file system without such flags
        return 0


def _extents(fd: int) -> tuple[Extent, ...] | None:
    try:
        return tuple(ioctls.extents(fd))
    except OSError:
        return None


def _volume(fd: int, mount: Mount | None) -> Volume | None:
    if mount is None or mount.filesystem != "btrfs":
        return None
    try:
        return volume_of(fd)
    except OSError:
        return None
