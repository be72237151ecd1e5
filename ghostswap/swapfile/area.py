"""What is this file or device: a ghost, a swapfile, a swap partition, or something else?"""

import enum
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.owned import path_of
from ghostswap.swapfile.active import is_active
from ghostswap.swapfile.filesystem import Mount, mount_of
from ghostswap.swapfile.header import Header, Signature, find_header

HEAD_BYTES = max(PAGE_SIZES)


class Kind(enum.Enum):
    """What an area is, judged by its signature, its size and where it lies."""

    GHOST = "ghost"  # a file of just the header page
    SWAPFILE = "swapfile"
    SWAP_DEVICE = "swap-device"
    TRUNCATED = "truncated"  # shorter than its header says, and no ghost
    HIBERNATION_IMAGE = "hibernation-image"
    OLD_FORMAT = "old-format"
    NOT_SWAP = "not-swap"


@dataclass(frozen=True, slots=True)
class AreaFacts:
    """A path as it is, and the first bytes of what it leads to (none but of files and disks).

    `size` and `allocated` are in bytes; a block device is allocated as a whole. `mount` is None
    for what lies on no file system. `writable` is None where only root's view counts and this
    process is not root.
    """

    path: Path
    kind: Kind
    head: bytes
    header: Header | None
    facts: os.stat_result
    size: int
    allocated: int
    mount: Mount | None
    active: bool
    writable: bool | None

    @property
    def is_file(self) -> bool:
        """True for a regular file."""
        return stat.S_ISREG(self.facts.st_mode)

    @property
    def is_device(self) -> bool:
        """True for a block device."""
        return stat.S_ISBLK(self.facts.st_mode)


def look_at(path: Path) -> AreaFacts:
    """What `path` leads to; symbolic links are followed. Raises GhostswapError when unreadable.

    Nothing but regular files and block devices is opened: a FIFO would wait for its writer, and
    opening a character device may do things.
    """
    try:
        facts = path.stat()
        if not (stat.S_ISREG(facts.st_mode) or stat.S_ISBLK(facts.st_mode)):
            return _facts_of(path, path, facts, head=b"", size=facts.st_size, mount=None)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return look_at_open(path, fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from error


def look_at_open(path: Path, fd: int) -> AreaFacts:
    """The same of the file or device that is open as `fd`, wherever `path` leads by now."""
    try:
        facts = os.fstat(fd)
        is_file = stat.S_ISREG(facts.st_mode)
        size = facts.st_size if is_file else os.lseek(fd, 0, os.SEEK_END)
        head = os.pread(fd, HEAD_BYTES, 0)
        mount = mount_of(fd) if is_file else None
        return _facts_of(path, path_of(fd), facts, head, size, mount)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from error


def _facts_of(
    path: Path, place: Path, facts: os.stat_result, head: bytes, size: int, mount: Mount | None
) -> AreaFacts:
    header = find_header(head)
    is_device = stat.S_ISBLK(facts.st_mode)
    return AreaFacts(
        path=path,
        kind=_kind(header, size, is_device),
        head=head,
        header=header,
        facts=facts,
        size=size,
        allocated=size if is_device else facts.st_blocks * 512,
        mount=mount,
        active=is_active(facts),
        writable=os.access(place, os.W_OK) if os.geteuid() == 0 else None,
    )


def _kind(header: Header | None, size: int, is_device: bool) -> Kind:
    if header is None:
        return Kind.NOT_SWAP
    if header.signature is Signature.OLD:
        return Kind.OLD_FORMAT
    if header.signature.hibernation:
        return Kind.HIBERNATION_IMAGE
    if size == header.page_size and not is_device:
        return Kind.GHOST
    if size < header.size_bytes:
        return Kind.TRUNCATED
    return Kind.SWAP_DEVICE if is_device else Kind.SWAPFILE
