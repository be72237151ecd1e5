"""The ghost file that `on --size` makes and `off` removes, where nobody named one."""

import contextlib
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.ghost.areas import OWN_FILE
from ghostswap.swapfile.create import write_ghost


def write_own_file(page: bytes, file: Path = OWN_FILE) -> None:
    """Write the header page to our own file, over one that a killed run left there."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise GhostswapError(file.parent, os_reason(error)) from error
    write_ghost(file, page, replace=True)


def remove_own_file(file: Path = OWN_FILE) -> None:
    """Remove it and its folder, if they are there. Raises GhostswapError."""
    try:
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not there, or something else is in it
            file.parent.rmdir()
    except OSError as error:
        raise GhostswapError(file, os_reason(error)) from error
