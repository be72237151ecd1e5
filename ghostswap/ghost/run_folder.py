"""The folder that runs of ghostswap share until the next boot: whose turn it is to switch areas."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.owned import open_owned

RUN_FOLDER = Path("/run/ghostswap")
_MODE = 0o700


@contextlib.contextmanager
def one_at_a_time(folder: Path = RUN_FOLDER) -> Iterator[None]:
    """Keep other runs of ghostswap from switching areas meanwhile.

    Raises GhostswapError at once where another one is at it. The lock is on a folder that only
    root may open: anybody could hold one on a file that all may read, such as /proc/swaps.
    """
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(_MODE)
        descriptor = open_owned(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise GhostswapError(folder, os_reason(error)) from error
    try:
        os.fchmod(descriptor, _MODE)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise GhostswapError(
            "ghostswap", "another run is switching areas on or off: try again once it has ended"
        ) from None
    finally:
        os.close(descriptor)
