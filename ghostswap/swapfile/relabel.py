"""Change the label and the UUID of an inactive swap area, and nothing else of it."""

import os
import stat
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.owned import open_owned, path_of
from ghostswap.swapfile.active import is_active
from ghostswap.swapfile.area import HEAD_BYTES
from ghostswap.swapfile.header import Header, Signature, find_header
from ghostswap.swapfile.layout import UUID_AT, VOLUME_AT


def labelled(path: object, header: Header | None) -> Header:
    """`header`, when it is one that has a label. Raises GhostswapError about `path` otherwise."""
    if header is None:
        raise GhostswapError(path, "not a swap area: no swap signature")
    if header.signature is Signature.OLD:
        raise GhostswapError(
            path, "a swap area of the old format, which has neither label nor UUID"
        )
    if header.version != 1:
        raise GhostswapError(path, f"swap header of version {header.version}, not 1")
    return header


def relabel(path: Path, volume: bytes | None, uuid: bytes | None) -> Header:
    """Set the volume field and the UUID of the area at `path`, each left as it is for None.

    The header page is written by one pwrite() and fsynced; all its other bytes, so page size and
    byte order too, stay as they are. A block device is opened exclusively, as by mkswap. Returns
    the header as it is now. Raises GhostswapError for an active area, a hibernation image (what
    resumes from it looks for these) and what is no area at all.
    """
    try:
        fd = _opened(path)
        try:
            return _rewrite(path, fd, volume, uuid)
        finally:
            os.close(fd)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from error


def _opened(path: Path) -> int:
    """A descriptor of the area, open for writing; of a device alone, as mkswap opens it."""
    fd = open_owned(path, os.O_RDONLY)
    try:
        facts = os.fstat(fd)
        if is_active(facts):
            raise GhostswapError(path, "is an active swap area: swapoff it first")
        alone = os.O_EXCL if stat.S_ISBLK(facts.st_mode) else 0
        return os.open(path_of(fd), os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK | alone)
    finally:
        os.close(fd)


def _rewrite(path: Path, fd: int, volume: bytes | None, uuid: bytes | None) -> Header:
    head = os.pread(fd, HEAD_BYTES, 0)
    header = labelled(path, find_header(head))
    if header.signature.hibernation:
        raise GhostswapError(path, "holds a suspended system, whose resume may look for its UUID")
    page = bytearray(head[: header.page_size])
    if uuid is not None:
        page[UUID_AT : UUID_AT + len(uuid)] = uuid
    if volume is not None:
        page[VOLUME_AT : VOLUME_AT + len(volume)] = volume
    if os.pwrite(fd, page, 0) != len(page):
        raise GhostswapError(path, "the header was not written whole")
    os.fsync(fd)
    return labelled(path, find_header(bytes(page)))
