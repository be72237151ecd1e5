"""Which Linux this is."""

import os
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.kernel.version import KernelVersion


def running_kernel(root: Path) -> KernelVersion:
    """The version of the kernel that the host below `root` runs."""
    path = root / "proc/sys/kernel/osrelease"
    try:
        return KernelVersion.parse(path.read_text())
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None
    except ValueError as error:
        raise GhostswapError(path, str(error)) from None


def page_size() -> int:
    """Bytes in a page of the running kernel."""
    return os.sysconf("SC_PAGE_SIZE")
