"""The two system calls: swapon(2) and swapoff(2), which Python has no name for."""

import ctypes
import os
from pathlib import Path

from ghostswap.host.swaps import SwapArea, parse_swaps

# include/linux/swap.h (v6.18)
_SWAP_FLAG_PREFER = 0x8000
PRIORITIES = range(0x7FFF + 1)
"""What may be asked for; an area without a priority gets one below all of these."""

_SWAPS = Path("/proc/swaps")
_libc = ctypes.CDLL(None, use_errno=True)


def swapon(path: Path, priority: int | None) -> None:
    """Swap to `path`. Raises OSError as the kernel answers."""
    flags = 0 if priority is None else _SWAP_FLAG_PREFER | priority
    _check(_libc.swapon(os.fsencode(path), flags), path)


def swapoff(path: Path) -> None:
    """Bring everything in the area back to memory, and give it up. Raises OSError.

    A signal ends it half-way (EINTR); the area then stays as it was.
    """
    _check(_libc.swapoff(os.fsencode(path)), path)


def areas() -> tuple[SwapArea, ...]:
    """The areas that are on. Raises OSError where there is no /proc."""
    return parse_swaps(_SWAPS.read_bytes())


def _check(answer: int, path: Path) -> None:
    if answer:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
