"""Files that appear whole or not at all."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ghostswap.errors import GhostswapError, os_reason

_PRIVATE = 0o600
_NO_FILE = "exists and is no regular file"


def check_place(path: Path) -> None:
    """Refuse a file that could not be written, as far as that can be told before the work."""
    if path.is_dir():
        raise GhostswapError(path, "is a directory")
    if path.exists() and not path.is_file():
        raise GhostswapError(path, _NO_FILE)
    if not path.parent.is_dir():
        raise GhostswapError(path.parent, "is no directory")
    if not os.access(path.parent, os.W_OK):
        raise GhostswapError(path.parent, os.strerror(errno.EACCES))


@contextmanager
def replaced_whole(path: Path) -> Iterator[BinaryIO]:
    """A private file (0600) to write, which takes the name `path` when the block ends well.

    Until then a file of that name is as it was; after a failure too, and no other is left. Raises
    GhostswapError where `path` is something other than a file, or cannot be written.
    """
    with suppress(OSError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise GhostswapError(path, _NO_FILE)
    # A name of its own, in the same directory since rename(2) works within one file system.
    name = f".{path.name[:200]}.{secrets.token_hex(6)}.tmp"
    with directory_of(path) as directory:
        try:
            fd = os.open(
                name,
                os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                _PRIVATE,
                dir_fd=directory,
            )
            try:
                with os.fdopen(fd, "wb") as file:
                    os.fchmod(fd, _PRIVATE)  # whatever the umask
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(name, path.name, src_dir_fd=directory, dst_dir_fd=directory)
            except BaseException:
                with suppress(OSError):
                    os.unlink(name, dir_fd=directory)
                raise
            os.fsync(directory)
        except OSError as error:
            raise GhostswapError(path, os_reason(error)) from None


@contextmanager
def directory_of(path: Path) -> Iterator[int]:
    """The directory of `path`, opened once: every later step is relative to it, so no renamed or
    exchanged parent can divert the file. Raises GhostswapError."""
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise GhostswapError(path.parent, os_reason(error)) from error
    try:
        yield directory
    finally:
        os.close(directory)
