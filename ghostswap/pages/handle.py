"""A file that holds a dump: open while it is read, however many are named."""

import os
import select
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason

# O_NONBLOCK: opening a FIFO that nobody writes must not wait for ever, nor opening a device.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
# How long a FIFO may stay without anyone who writes to it.
WRITER_SECONDS = 10


class Handle:
    """What lies at `path`, as it was found there at first: a file, block device or FIFO.

    It owns a descriptor of it while `keep` is given, so that a file can be read that has been
    removed since. Without, the file is opened again each time that it is read, so that there may be
    more files than a process may have open.
    """

    def __init__(self, path: Path, *, keep: bool) -> None:
        """Open it; GhostswapError where that fails, or it can hold no dump."""
        self.path = path
        try:
            fd = os.open(path, _FLAGS)
        except OSError as error:
            raise GhostswapError(path, os_reason(error)) from None
        close = weakref.finalize(self, os.close, fd)
        status = os.fstat(fd)
        self.fifo = stat.S_ISFIFO(status.st_mode)
        self._identity = status.st_dev, status.st_ino
        self._fd: int | None = fd
        if stat.S_ISDIR(status.st_mode):
            raise GhostswapError(path, "is a directory, not a dump")
        if not (self.fifo or stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)):
            raise GhostswapError(path, "is neither a file nor a block device")
        if self.fifo:
            _wait_for_writer(fd)
        elif not keep:
            close()
            self._fd = None

    def descriptor(self) -> int:
        """A descriptor of it that the caller closes.

        Raises OSError where it cannot be opened again, or something else lies there now.
        """
        if self._fd is not None:
            return os.dup(self._fd)
        fd = os.open(self.path, _FLAGS)
        status = os.fstat(fd)
        if (status.st_dev, status.st_ino) != self._identity:
            os.close(fd)
            raise OSError(None, "is another file than before")
        return fd

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor for the time of a `with` block."""
        fd = self.descriptor()
        try:
            yield fd
        finally:
            os.close(fd)


def _wait_for_writer(fd: int) -> None:
    """Give the writer of a FIFO time to come, and let reading wait for what it writes.

    Reading ends at once where there is still no writer then.
    """
    ready = select.poll()
    ready.register(fd, select.POLLIN)  # POLLHUP comes unasked, once a writer has come and gone
    ready.poll(1000 * WRITER_SECONDS)
    os.set_blocking(fd, True)
