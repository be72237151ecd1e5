"""The file ioctls that tell how a file lies on its file system, numbered as the C headers do."""

import enum
import fcntl
import struct
from collections.abc import Iterator
from dataclasses import dataclass

WRITE, READ = 1, 2  # asm-generic/ioctl.h; seen from user space


def ioc(direction: int, kind: int, number: int, size: int) -> int:
    """_IOC() of include/uapi/asm-generic/ioctl.h (x86, arm64, riscv, s390)."""
    return direction << 30 | size << 16 | kind << 8 | number


# include/uapi/linux/fs.h: _IOR('f', 1, long) and _IOW('f', 2, long), though both take an int.
_LONG = struct.calcsize("l")
FS_IOC_GETFLAGS = ioc(READ, ord("f"), 1, _LONG)
FS_IOC_SETFLAGS = ioc(WRITE, ord("f"), 2, _LONG)

FS_COMPR_FL = 0x4
FS_IMMUTABLE_FL = 0x10
FS_ENCRYPT_FL = 0x800
FS_NOCOW_FL = 0x800000


def get_flags(fd: int) -> int:
    """The FS_*_FL flags of an open file. Raises OSError where the file system has none."""
    answer = fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(_LONG))
    (flags,) = struct.unpack_from("=I", answer)
    return int(flags)


def set_flags(fd: int, flags: int) -> None:
    """Set the FS_*_FL flags of an open file. Raises OSError."""
    fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("=I", flags).ljust(_LONG, b"\0"))


# include/uapi/linux/fiemap.h (v6.18)
_FIEMAP = struct.Struct("=QQIIII")  # start, length, flags, mapped, room, reserved
_FIEMAP_EXTENT = struct.Struct("=QQQ16xI12x")  # logical, physical, length, flags
FS_IOC_FIEMAP = ioc(READ | WRITE, ord("f"), 11, _FIEMAP.size)
_FIEMAP_FLAG_SYNC = 0x1
_FIEMAP_EXTENT_LAST = 0x1
_EXTENTS_A_CALL = 512


class ExtentFlag(enum.IntFlag):
    """FIEMAP_EXTENT_*, those that matter to swap."""

    UNKNOWN = 0x2
    DELALLOC = 0x4
    ENCODED = 0x8
    DATA_ENCRYPTED = 0x80
    DATA_INLINE = 0x200
    DATA_TAIL = 0x400
    UNWRITTEN = 0x800
    SHARED = 0x2000


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
        request = bytearray(_FIEMAP.size + _EXTENTS_A_CALL * _FIEMAP_EXTENT.size)
        _FIEMAP.pack_into(request, 0, start, end - start, _FIEMAP_FLAG_SYNC, 0, _EXTENTS_A_CALL, 0)
        fcntl.ioctl(fd, FS_IOC_FIEMAP, request)
        mapped = _FIEMAP.unpack_from(request)[3]
        for index in range(mapped):
            extent = Extent(
                *_FIEMAP_EXTENT.unpack_from(request, _FIEMAP.size + index * _FIEMAP_EXTENT.size)
            )
            yield extent
            if extent.flags & _FIEMAP_EXTENT_LAST:
                return
            start = extent.logical + extent.length
        if not mapped:
            return
