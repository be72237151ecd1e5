"""What does the running kernel know: version, page size, and whether it takes ghost files."""

import functools
import mmap
import os

from ghostswap.host.ghost_files import takes_ghost_files
from ghostswap.kernel.version import KernelVersion
from ghostswap.swapfile.verdict import Kernel

PAGE_SIZE = mmap.PAGESIZE
"""Bytes; of the kernel this process runs on."""


@functools.cache
def running_version() -> KernelVersion:
    """Its version, also where no /proc is mounted."""
    return KernelVersion.parse(os.uname().release)


def running_kernel() -> Kernel:
    """Whether the running kernel takes a one-page file for a ghost area."""
    return Kernel.GHOST if takes_ghost_files() else Kernel.STOCK
