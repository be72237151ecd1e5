"""Which Linux this is."""

import os
from pathlib import Path

from ghostswap.errors import GhostswapError, UsageError
from ghostswap.host.files import HostFiles
from ghostswap.kernel.geometry import PAGE_SIZES
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


def page_size_or_own(size: int | None) -> int:
    """`size` in bytes, the running kernel's for None; UsageError for one that no Linux has."""
    if size is None:
        return page_size()
    if size not in PAGE_SIZES:
        known = ", ".join(str(each) for each in PAGE_SIZES)
        raise UsageError("--page-size", f"{size} is no page size of Linux; there are {known}")
    return size
