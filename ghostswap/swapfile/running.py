"""What does the running kernel know: its page size, and whether it takes ghost files."""

import mmap
import os
from pathlib import Path

from ghostswap.swapfile.verdict import Kernel

PAGE_SIZE = mmap.PAGESIZE
"""Bytes; of the kernel this process runs on."""


def running_kernel(root: Path = Path("/")) -> Kernel:
    """Whether the running kernel takes a one-page file for a ghost area.

    It does when its type information names SWP_GHOST (include/linux/swap.h of the ghost series),
    or when it offers /dev/ghostswap (the dynamic series). Without both it is a stock one.
    """
    if os.access(root / "dev/ghostswap", os.F_OK):
        return Kernel.GHOST
    try:
        types = (root / "sys/kernel/btf/vmlinux").read_bytes()
    except OSError:
        return Kernel.STOCK
    return Kernel.GHOST if b"\0SWP_GHOST\0" in types else Kernel.STOCK
