"""Device mapper: make, fill, start and remove a mapped device.

The requests are plain bytes, built apart from the calls that send them.
"""

import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError
from ghostswap.ghost.modules import driver_is_to_be_had, open_driver
from ghostswap.kernel.ioctls import (
    DM_DEFERRED_REMOVE,
    DM_IOCTL,
    DM_NAME_LIST,
    DM_TARGET_SPEC,
    DM_VERSION,
    DmCommand,
)
from ghostswap.swapfile.running import PAGE_SIZE

SECTOR = 512
"""Bytes; the unit of every table."""

_CONTROL = Path("/dev/mapper/control")
_MODULE = "dm_mod"
_ROOM = 1 << 18  # for the answer: of several thousand names


@dataclass(frozen=True, slots=True)
class Target:
    """A stretch of a mapped device, in sectors, and the target type that serves it."""

    start: int
    length: int
    type: str
    parameters: str = ""

    def __str__(self) -> str:
        """The line that dmsetup takes for it."""
        return f"{self.start} {self.length} {self.type} {self.parameters}".rstrip()


def ghost_table(header: str, size: int) -> tuple[Target, Target]:
    """The table of a device of `size` bytes whose first page is that of the device `header`.

    Reads and writes of any other sector fail, so no page ever goes to a disk: zswap takes it, or
    it stays in memory.
    """
    first = PAGE_SIZE // SECTOR
    return (
        Target(0, first, "linear", f"{header} 0"),
        Target(first, size // SECTOR - first, "error"),
    )


def request(name: str, uuid: str = "", table: Sequence[Target] = (), flags: int = 0) -> bytes:
    """The bytes of a struct dm_ioctl about the device `name`, with the targets behind it."""
    targets = b"".join(map(_target, table))
    size = DM_IOCTL.size + len(targets)
    head = (*DM_VERSION, size, DM_IOCTL.size, len(table), 0, flags, 0, 0, 0)
    return DM_IOCTL.pack(*head, name.encode(), uuid.encode()) + targets


def _target(target: Target) -> bytes:
    """One target: its spec, its parameters as a C string, padded to the next spec."""
    parameters = target.parameters.encode() + b"\0"
    size = -(-(DM_TARGET_SPEC.size + len(parameters)) // 8) * 8
    spec = DM_TARGET_SPEC.pack(target.start, target.length, 0, size, target.type.encode())
    return (spec + parameters).ljust(size, b"\0")


def names() -> tuple[str, ...]:
    """All mapped devices, also those without a table, which sysfs does not show (since v5.15).

    Empty where there is no device mapper, or no right to ask it.
    """
    if not _CONTROL.exists():
        return ()
    try:
        return tuple(listed(_ioctl(DmCommand.LIST_DEVICES, request(""))))
    except OSError:
        return ()


def listed(answer: bytes) -> Iterator[str]:
    """The names in the answer to DM_LIST_DEVICES: a chain of struct dm_name_list."""
    start, at = DM_IOCTL.unpack_from(answer)[4], 0
    while True:
        device, following = DM_NAME_LIST.unpack_from(answer, start + at)
        if not device:  # one empty entry stands for none
            return
        name = answer[start + at + DM_NAME_LIST.size :].partition(b"\0")[0]
        yield name.decode(errors="backslashreplace")
        if not following:
            return
        at += following


def create(name: str, uuid: str) -> None:
    """Make the device `name`, still without a table. Raises OSError, GhostswapError without dm."""
    _send(DmCommand.DEV_CREATE, request(name, uuid))


def load(name: str, table: Sequence[Target]) -> None:
    """Give the device the table that start() puts to use. Raises OSError."""
    _send(DmCommand.TABLE_LOAD, request(name, table=table))


def start(name: str) -> int:
    """Put the loaded table to use; returns the device number. Raises OSError."""
    answer = _send(DmCommand.DEV_SUSPEND, request(name))  # without the suspend flag: resume
    return int(DM_IOCTL.unpack_from(answer)[10])


def remove(name: str) -> None:
    """Remove the device, at once or, where somebody (udev) looks at it, right after."""
    _send(DmCommand.DEV_REMOVE, request(name, flags=DM_DEFERRED_REMOVE))


def check_there() -> None:
    """Raise GhostswapError where no device can be made: this kernel has no device mapper."""
    if not driver_is_to_be_had(_CONTROL, _MODULE):
        raise _none()


def _none() -> GhostswapError:
    return GhostswapError(
        _CONTROL, "this kernel has no device mapper (CONFIG_BLK_DEV_DM, module dm_mod)"
    )


def _send(command: DmCommand, data: bytes) -> bytes:
    if not open_driver(_CONTROL, _MODULE):
        raise _none()
    return _ioctl(command, data)


def _ioctl(command: DmCommand, data: bytes) -> bytes:
    buffer = bytearray(data.ljust(_ROOM, b"\0"))
    struct.pack_into("=I", buffer, 12, len(buffer))  # data_size: the room for the answer counts
    fd = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, command.request, buffer)
    finally:
        os.close(fd)
    return bytes(buffer)
