"""A loop device on a ghost file, which vanishes by itself once nobody has it open."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ghostswap.errors import GhostswapError
from ghostswap.ghost.modules import open_driver
from ghostswap.kernel.ioctls import (
    LO_FLAGS_AUTOCLEAR,
    LOOP_CLR_FD,
    LOOP_CONFIG,
    LOOP_CONFIGURE,
    LOOP_CTL_GET_FREE,
)
from ghostswap.owned import path_of

_CONTROL = Path("/dev/loop-control")
_ATTEMPTS = 20


@contextlib.contextmanager
def loop_device(backing: int) -> Iterator[int]:
    """The device number of a new loop device on the file open as `backing`, held open while the
    block runs.

    It is set to clear itself, so it goes when the last user does, however this process ends.
    Raises GhostswapError where the kernel has no loop devices, OSError for the rest.
    """
    if not open_driver(_CONTROL, "loop"):
        raise GhostswapError(_CONTROL, "this kernel has no loop devices (CONFIG_BLK_DEV_LOOP)")
    device = _attached(backing)
    try:
        yield os.fstat(device).st_rdev
    finally:
        os.close(device)


def _attached(backing: int) -> int:
    """A loop device, open, on the open file `backing`; another process may snatch a free one."""
    file = path_of(backing).readlink()
    request = LOOP_CONFIG.pack(backing, 0, LO_FLAGS_AUTOCLEAR, os.fsencode(file)[:63])
    for _ in range(_ATTEMPTS):
        control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
        try:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
        finally:
            os.close(control)
        device = os.open(f"/dev/loop{number}", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, LOOP_CONFIGURE, request)
            return device
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:
                raise
    raise GhostswapError(_CONTROL, "every free loop device was taken by another process")


def release(device: Path) -> None:
    """Have the loop device vanish when its last user closes it, as losetup --detach does."""
    with contextlib.suppress(OSError):  # it is not attached any more
        fd = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(fd, LOOP_CLR_FD)
        finally:
            os.close(fd)
