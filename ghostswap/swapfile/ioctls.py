"""The file ioctls that tell how a file lies on its file system, numbered as the C headers do."""

import fcntl
import struct

_WRITE, _READ = 1, 2  # asm-generic/ioctl.h; seen from user space


def _ioc(direction: int, kind: int, number: int, size: int) -> int:
    """_IOC() of include/uapi/asm-generic/ioctl.h (x86, arm64, riscv, s390)."""
    return direction << 30 | size << 16 | kind << 8 | number


# include/uapi/linux/fs.h: _IOR('f', 1, long) and _IOW('f', 2, long), though both take an int.
_LONG = struct.calcsize("l")
FS_IOC_GETFLAGS = _ioc(_READ, ord("f"), 1, _LONG)
FS_IOC_SETFLAGS = _ioc(_WRITE, ord("f"), 2, _LONG)

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
