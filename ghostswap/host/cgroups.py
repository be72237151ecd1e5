"""Which control groups have memory in zswap, and what they are allowed there.

Source: Documentation/admin-guide/cgroup-v2.rst; mm/memcontrol.c (Linux 6.1, 6.12, 6.18). Version 1
has no such files.
"""

import os
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import accumulate, chain

from ghostswap.host.files import FOLDER_FLAGS, HostFiles, read_regular, whole_number
from ghostswap.host.swaps import unescape
from ghostswap.kernel.cgroups import GroupLimit, GroupLimits, LimitFile

# Where systemd mounts version 2 alone, and beside version 1; used where a capture has no list.
_USUAL = ("sys/fs/cgroup", "sys/fs/cgroup/unified")
_MOUNT = re.compile(rb"\S+ (?P<where>\S+) cgroup2 .*")
_STAT = re.compile(r"^(zswap|zswapped|zswap_incomp) ([0-9]{1,20})$", re.MULTILINE)
DEEPEST = 128  # groups within groups; systemd makes about ten
MOST_GROUPS = 100_000


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A control group's share of swap and zswap, with that of the groups below it."""

    path: bytes  # from the root group, which is b"/"
    zswap: int  # bytes of the pool that its compressed pages take
    zswapped: int | None  # bytes they have uncompressed; None before 5.19
    incompressible: int | None  # bytes of those that are stored as they are; None before 7.1
    zswap_max: int | None  # bytes; None: no limit
    writeback: bool | None  # may zswap write its pages to a swap area; None before 6.8
    swap: int | None  # bytes of swap slots, those of pages in zswap included
    swap_max: int | None  # bytes; None: no limit


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The `groups` that have pages in zswap or a rule for it, parents before children.

    `left_out`: there are more, or deeper ones, than were looked at.
    """

    groups: tuple[Cgroup, ...]
    left_out: bool


def read_cgroups(files: HostFiles) -> Cgroups:
    """All control groups of version 2; none where it is not mounted."""
    mount = unified_mount(files)
    if mount is None:
        return Cgroups((), left_out=False)
    with files.folder(mount) as top:
        walk = _Walk()
        groups = [] if top is None else list(walk.below(top, b"", 0))
    return Cgroups(tuple(groups), walk.left_out)


def read_limits(files: HostFiles, group: str) -> GroupLimits | None:
    """What a group, by its path from the root group, may have of memory and swap; the limits of the
    groups above it are its own too. None where version 2 has no such group."""
    names = [name for name in group.split("/") if name not in ("", ".")]
    path = "/" + "/".join(names)
    mount = unified_mount(files)
    if mount is None or ".." in names or not files.names(mount + path):
        return None
    groups = [f"/{way}" for way in accumulate(names, "{}/{}".format)]

    def smallest(file: LimitFile) -> GroupLimit | None:
        limits = ((group, files.number(f"{mount}{group}/{file}")) for group in groups)
        numbers = [
            GroupLimit(file, number, group) for group, number in limits if number is not None
        ]
        return min(numbers, key=lambda limit: limit.bytes, default=None)

    smallest_limits = (smallest(file) for file in LimitFile)
    return GroupLimits(path, tuple(limit for limit in smallest_limits if limit is not None))


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


class _Walk:
    """One look at every group, by way of its parent, which is open: paths may grow long."""

    def __init__(self) -> None:
        self.left_out = False
        self._seen = 0

    def below(self, folder: int, path: bytes, depth: int) -> Iterator[Cgroup]:
        """The group in `folder` and those below; one that is gone meanwhile has no files."""
        with os.scandir(folder) as entries:
            kinds = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        self._seen += 1
        group = _read_group(folder, kinds.keys(), path)
        if group is not None:
            yield group
        names = sorted(name for name, is_folder in kinds.items() if is_folder)
        if names and (depth == DEEPEST or self._seen >= MOST_GROUPS):
            self.left_out = True
            return
        for name in names:
            try:
                child = os.open(name, FOLDER_FLAGS, dir_fd=folder)
            except OSError:
                continue
            try:
                yield from self.below(child, path + b"/" + os.fsencode(name), depth + 1)
            finally:
                os.close(child)


def _read_group(folder: int, names: Set[str], path: bytes) -> Cgroup | None:
    def text(name: str) -> str | None:
        try:
            data = read_regular(f"memory.{name}", folder) if f"memory.{name}" in names else None
        except OSError:
            return None
        return None if data is None else data.decode(errors="replace").rstrip("\n")

    limited = whole_number(text("zswap.max"))  # None also for "max"
    writeback = {"1": True, "0": False}.get(text("zswap.writeback") or "")
    used = whole_number(text("zswap.current"))
    ruled = limited is not None or writeback is False
    if not used and not ruled and "memory.zswap.current" in names:
        return None
    stat = {match[1]: int(match[2]) for match in _STAT.finditer(text("stat") or "")}
    # The root group has no memory.zswap.current, but the same figure in memory.stat.
    used = stat.get("zswap") if used is None else used
    if not used and not ruled:
        return None
    return Cgroup(
        path=path or b"/",
        zswap=used or 0,
        zswapped=stat.get("zswapped"),
        incompressible=stat.get("zswap_incomp"),
        zswap_max=limited,
        writeback=writeback,
        swap=whole_number(text("swap.current")),
        swap_max=whole_number(text("swap.max")),
    )
