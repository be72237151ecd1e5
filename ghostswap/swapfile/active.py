"""Is this file or device in use as swap right now?"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ghostswap.host.swaps import parse_swaps


def is_active(facts: os.stat_result, proc_swaps: Path = Path("/proc/swaps")) -> bool:
    """True when the file or block device described by `facts` is an active swap area.

    Compares what the names in /proc/swaps lead to, so other names of the same file count too. An
    area that this process cannot reach by name is missed; the kernel refuses to replace it anyway.
    """
    return any(_same(facts, area) for area in _active_areas(proc_swaps))


def _active_areas(proc_swaps: Path) -> Iterator[os.stat_result]:
    try:
        swaps = proc_swaps.read_bytes()
    except OSError:  # a kernel without swap, or no /proc
        return
    for area in parse_swaps(swaps):
        try:
            yield os.stat(area.path)  # noqa: PTH116  bytes: the kernel promises no text
        except OSError:
            continue


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    if stat.S_ISBLK(one.st_mode) and stat.S_ISBLK(other.st_mode):
        return one.st_rdev == other.st_rdev
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
