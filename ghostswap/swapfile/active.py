"""Is this file or device in use as swap right now?"""

import os
import re
import stat
from pathlib import Path

_ESCAPE = re.compile(rb"\\([0-7]{3})")


def is_active(facts: os.stat_result, proc_swaps: Path = Path("/proc/swaps")) -> bool:
    """True when the file or block device described by `facts` is an active swap area.

    Compares what the names in /proc/swaps lead to, so other names of the same file count too. An
    area that this process cannot reach by name is missed; the kernel refuses to replace it anyway.
    """
    return any(_same(facts, area) for area in _active_areas(proc_swaps))


def _active_areas(proc_swaps: Path) -> list[os.stat_result]:
    try:
        rows = proc_swaps.read_bytes().splitlines()[1:]
    except OSError:  # a kernel without swap, or no /proc
        return []
    areas = []
    for row in rows:
        name = _ESCAPE.sub(lambda octal: bytes([int(octal[1], 8)]), row.rsplit(maxsplit=4)[0])
        try:
            areas.append(os.stat(name))  # noqa: PTH116  bytes: the kernel promises no text
        except OSError:
            continue
    return areas


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    if stat.S_ISBLK(one.st_mode) and stat.S_ISBLK(other.st_mode):
        return one.st_rdev == other.st_rdev
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
