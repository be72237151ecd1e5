"""How a file lies on its file system, asked of the file system itself."""

import fcntl
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ghostswap.kernel.ioctls import (
    FIEMAP,
    FIEMAP_EXTENT,
    FIEMAP_EXTENT_LAST,
    FIEMAP_FLAG_SYNC,
    FS_IOC_FIEMAP,
    FS_IOC_GETFLAGS,
    FS_IOC_SETFLAGS,
    LONG,
    ExtentFlag,
)

_EXTENTS_A_CALL = 512


def get_flags(fd: int) -> int:
    """The FS_*_FL flags of an open file. Raises OSError where the file system has none."""
    answer = fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(LONG))
    (flags,) = struct.unpack_from("=I", answer)
    return int(flags)


def set_flags(fd: int, flags: int) -> None:
    """Set the FS_*_FL flags of an open file. Raises OSError."""
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("=I", flags).ljust(LONG, b"\0"))


@dataclass(frozen=True, slots=True)
class Extent:
    """One extent of a file: offsets and length in bytes. On btrfs `physical` is the address in
    the file system's own space, not on a device."""

    logical: int
    physical: int
    length: int
    flags: int

    def has(self, flag: ExtentFlag) -> bool:
        """True when the extent bears `flag`."""
        return bool(self.flags & flag)


def extents(fd: int) -> Iterator[Extent]:
    """The extents of an open file in order, its pending writes flushed first. Raises OSError."""
    start, end = 0, 2**64 - 1
    while start < end:
        request = bytearray(FIEMAP.size + _EXTENTS_A_CALL * FIEMAP_EXTENT.size)
        FIEMAP.pack_into(request, 0, start, end - start, FIEMAP_FLAG_SYNC, 0, _EXTENTS_A_CALL, 0)
        fcntl.ioctl(fd, FS_IOC_FIEMAP, request)
        mapped = FIEMAP.unpack_from(request)[3]
        for index in range(mapped):
            extent = Extent(
                *FIEMAP_EXTENT.unpack_from(request, FIEMAP.size + index * FIEMAP_EXTENT.size)
            )
            yield extent
            if extent.flags & FIEMAP_EXTENT_LAST:
                return
            start = extent.logical + extent.length
        if not mapped:
            return
