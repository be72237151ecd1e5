"""What does the running kernel know: version, page size, and whether it takes ghost files."""

import functools
import mmap
import os
import struct
from pathlib import Path

from ghostswap.kernel.version import KernelVersion
from ghostswap.swapfile.verdict import Kernel

PAGE_SIZE = mmap.PAGESIZE
"""Bytes; of the kernel this process runs on."""

_BTF_HEADER = struct.Struct("=H2xI8xII")  # struct btf_header: magic, its length, …, the names
_BTF_MAGIC = 0xEB9F


@functools.cache
def running_version() -> KernelVersion:
    """Its version, also where no /proc is mounted."""
    return KernelVersion.parse(os.uname().release)


@functools.cache
def running_kernel(root: Path = Path("/")) -> Kernel:
    """Whether the running kernel takes a one-page file for a ghost area.

    It does when its type information names SWP_GHOST (include/linux/swap.h of the ghost series),
    or when it offers /dev/ghostswap (the dynamic series). Without both it is a stock one.
    """
    if os.access(root / "dev/ghostswap", os.F_OK):
        return Kernel.GHOST
    try:
        names = _names(root / "sys/kernel/btf/vmlinux")
    except (OSError, struct.error):
        return Kernel.STOCK
    return Kernel.GHOST if b"\0SWP_GHOST\0" in names else Kernel.STOCK


def _names(btf: Path) -> bytes:
    """The string section, a fifth of it all: include/uapi/linux/btf.h (v6.18)."""
    with btf.open("rb", buffering=0) as types:
        magic, header_length, offset, length = _BTF_HEADER.unpack(types.read(_BTF_HEADER.size))
        if magic != _BTF_MAGIC:
            return b""
        types.seek(header_length + offset)
        return types.read(length)
