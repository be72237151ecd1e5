"""Which control groups have memory in zswap, and what they are allowed there.

Source: Documentation/admin-guide/cgroup-v2.rst; mm/memcontrol.c (Linux 6.1, 6.12, 6.18). Version 1
has no such files.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ghostswap.host.files import HostFiles
from ghostswap.host.memory import parse_vmstat
from ghostswap.host.swaps import unescape

# Where systemd mounts version 2 alone, and beside version 1; used where a capture has no list.
_USUAL = ("sys/fs/cgroup", "sys/fs/cgroup/unified")
_MOUNT = re.compile(rb"\S+ (?P<where>\S+) cgroup2 .*")


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A control group's share of swap and zswap, with that of the groups below it."""

    path: bytes  # from the root group, which is b"/"
    zswap: int  # bytes of the pool that its compressed pages take
    zswapped: int | None  # bytes they have uncompressed; None before 5.19
    zswap_max: int | None  # bytes; None: no limit
    writeback: bool | None  # may zswap write its pages to a swap area; None before 6.8
    swap: int | None  # bytes of swap slots, those of pages in zswap included
    swap_max: int | None  # bytes; None: no limit


def read_cgroups(files: HostFiles) -> tuple[Cgroup, ...]:
    """The groups that have pages in zswap or a rule for it, parents before children."""
    mount = unified_mount(files)
    if mount is None:
        return ()
    groups = (_read_group(files, mount, path) for path in _walk(files, mount, ""))
    return tuple(group for group in groups if group)


def unified_mount(files: HostFiles) -> str | None:
    """Where version 2 is mounted, below the root; None where it is not.

    Not always /sys/fs/cgroup: beside version 1 it is /sys/fs/cgroup/unified, or anywhere.
    """
    listed = files.data("proc/self/mounts") or files.data("proc/mounts") or b""
    matches = map(_MOUNT.fullmatch, listed.split(b"\n"))
    places = [os.fsdecode(unescape(match["where"])).lstrip("/") for match in matches if match]
    mounted = (place for place in places if files.names(place))
    usual = (place for place in _USUAL if "cgroup.controllers" in files.names(place))
    return next(chain(mounted, usual), None)


def _walk(files: HostFiles, mount: str, path: str) -> Iterator[str]:
    """The groups from `path` down. Groups come and go meanwhile: one that is gone has no files."""
    yield path
    for name in files.names(f"{mount}/{path}"):
        below = f"{path}/{name}"
        if files.is_folder(f"{mount}/{below}"):
            yield from _walk(files, mount, below)


def _read_group(files: HostFiles, mount: str, path: str) -> Cgroup | None:
    folder = f"{mount}/{path}"

    def number(name: str) -> int | None:
        return files.number(f"{folder}/memory.{name}")

    limited = number("zswap.max")  # None also for "max"
    writeback = {"1": True, "0": False}.get(files.text(f"{folder}/memory.zswap.writeback") or "")
    stat = parse_vmstat(files.text(f"{folder}/memory.stat") or "")
    # The root group has no memory.zswap.current, but the same figure in memory.stat.
    used = number("zswap.current")
    used = stat.get("zswap") if used is None else used
    if not used and limited is None and writeback is not False:
        return None
    return Cgroup(
        path=os.fsencode(path or "/"),
        zswap=used or 0,
        zswapped=stat.get("zswapped"),
        zswap_max=limited,
        writeback=writeback,
        swap=number("swap.current"),
        swap_max=number("swap.max"),
    )
