"""Which Linux this is."""

import os
from pathlib import Path

from ghostswap.errors import GhostswapError
from ghostswap.host.files import HostFiles
from ghostswap.kernel.version import KernelVersion


def running_kernel(root: Path) -> KernelVersion:
    """The version of the kernel that the host below `root` runs."""
    path = "proc/sys/kernel/osrelease"
    text = HostFiles(root).text(path)
    if text is None:
        raise GhostswapError(root / path, "cannot be read")
    try:
        return KernelVersion.parse(text)
    except ValueError as error:
        raise GhostswapError(root / path, str(error)) from None


def page_size() -> int:
    """Bytes in a page of the running kernel."""
    return os.sysconf("SC_PAGE_SIZE")
