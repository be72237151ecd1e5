"""ioctl(2) requests: their numbers and arguments, as the C headers define them."""

import enum
import struct

WRITE, READ = 1, 2  # asm-generic/ioctl.h; seen from user space


def ioc(direction: int, kind: int, number: int, size: int) -> int:
    """_IOC() of include/uapi/asm-generic/ioctl.h (x86, arm64, riscv, s390)."""
    return direction << 30 | size << 16 | kind << 8 | number


# include/uapi/linux/fs.h: _IOR('f', 1, long) and _IOW('f', 2, long), though both take an int.
LONG = struct.calcsize("l")
FS_IOC_GETFLAGS = ioc(READ, ord("f"), 1, LONG)
FS_IOC_SETFLAGS = ioc(WRITE, ord("f"), 2, LONG)

FS_COMPR_FL = 0x4
FS_IMMUTABLE_FL = 0x10
FS_ENCRYPT_FL = 0x800
FS_NOCOW_FL = 0x800000


# include/uapi/linux/fiemap.h (v6.18)
FIEMAP = struct.Struct("=QQIIII")  # start, length, flags, mapped, room, reserved
FIEMAP_EXTENT = struct.Struct("=QQQ16xI12x")  # logical, physical, length, flags
FS_IOC_FIEMAP = ioc(READ | WRITE, ord("f"), 11, FIEMAP.size)
FIEMAP_FLAG_SYNC = 0x1
FIEMAP_EXTENT_LAST = 0x1


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


# include/uapi/linux/fs.h (since v6.7): struct pm_scan_arg and struct page_region
PM_SCAN_ARG = struct.Struct("=12Q")
PAGEMAP_SCAN = ioc(READ | WRITE, ord("f"), 16, PM_SCAN_ARG.size)
