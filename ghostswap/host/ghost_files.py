"""Does a kernel take ghost files: the one place that tells, without trying."""

import functools
import os
import struct
from pathlib import Path

_BTF_HEADER = struct.Struct("=H2xI8xII")  # struct btf_header: magic, its length, …, the names
_BTF_MAGIC = 0xEB9F


@functools.cache
def takes_ghost_files(root: Path = Path("/")) -> bool:
    """Whether the kernel below `root`, by default the running one, takes a one-page file for a
    ghost area.

    It does when its type information names SWP_GHOST (include/linux/swap.h of the ghost series),
    or when it offers /dev/ghostswap (the dynamic series). Without both it is a stock one.
    """
    if os.access(root / "dev/ghostswap", os.F_OK):
        return True
    try:
        return b"\0SWP_GHOST\0" in _names(root / "sys/kernel/btf/vmlinux")
    except (OSError, struct.error):
        return False


def _names(btf: Path) -> bytes:
    """The string section, a fifth of it all: include/uapi/linux/btf.h (v6.18)."""
    with btf.open("rb", buffering=0) as types:
        magic, header_length, offset, length = _BTF_HEADER.unpack(types.read(_BTF_HEADER.size))
        if magic != _BTF_MAGIC:
            return b""
        types.seek(header_length + offset)
        return types.read(length)
