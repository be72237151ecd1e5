"""Which swap areas are on: /proc/swaps, whatever names and types it holds.

Source: mm/swapfile.c, swap_show(); fs/seq_file.c, mangle_path() (Linux 6.18).
"""

import os
import re
import stat
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from ghostswap.host.files import HostFiles

# The last four columns have a form; the name before them need be no path ("xswap0").
_FORMS = tuple(map(re.compile, (rb"\S+", rb"\d{1,20}", rb"\d{1,20}", rb"-?\d{1,5}")))
MOST_AREAS = 256
"""Read of one host: Linux has room for 32 (MAX_SWAPFILES, include/linux/swap.h), a capture for any
number."""

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_DELETED, _DELETED_MANGLED = b" (deleted)", rb"\040(deleted)"
_ZRAM = re.compile(rb"/dev/(?:.*/)?zram\d+")
_GHOST_TYPES = ("ghost", "vswap", "xswap")
# What `ghostswap on` begins the UUIDs of its device-mapper devices with.
_GHOST_UUID = "ghostswap-"


class Medium(StrEnum):
    """Where the pages of a swap area end up."""

    DISK = "disk"  # a partition or a file, on whatever storage
    ZRAM = "zram"  # RAM, compressed
    GHOST = "ghost"  # nowhere: they live in zswap, or stay in RAM


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read and write a swap file: permission bits and owner."""

    mode: int
    uid: int

    @property
    def unsafe(self) -> bool:
        """True if others than root could: swapon(8) warns of the same."""
        return bool(self.mode & 0o077) or self.uid != 0


@dataclass(frozen=True, slots=True)
class SwapArea:
    """One line of /proc/swaps."""

    name: bytes  # as the kernel has it: usually a path, not always, and perhaps not UTF-8
    type: str  # "partition", "file", or any word that a later kernel prints
    size: int  # bytes
    used: int  # bytes
    priority: int
    medium: Medium
    deleted: bool  # unlinked, or its file system unmounted
    access: Access | None  # of a file that was found, else None
    rotational: bool | None = None  # of a block device, as the kernel takes it; None: not told

    @property
    def path(self) -> bytes:
        """The name without the mark of an unlinked file."""
        return self.name.removesuffix(_DELETED) if self.deleted else self.name


def parse_swaps(data: bytes) -> tuple[SwapArea, ...]:
    """The areas that /proc/swaps lists, in its order, MOST_AREAS at most; lines of another form are
    skipped."""
    # split(b"\n"), not splitlines(): the kernel leaves a carriage return in a name as it is.
    lines = data.split(b"\n", MOST_AREAS + 1)[1 : MOST_AREAS + 1]
    return tuple(area for area in map(_parse_line, lines) if area is not None)


def _parse_line(line: bytes) -> SwapArea | None:
    columns: list[bytes] = []
    name = line
    for _ in _FORMS:  # from the right, each by one search: no line takes longer than its length
        end = max(name.rfind(b" "), name.rfind(b"\t"))
        columns.insert(0, name[end + 1 :])
        name = name[: max(end, 0)].rstrip(b" \t")
    if not all(form.fullmatch(text) for form, text in zip(_FORMS, columns, strict=True)):
        return None
    kind, size, used, priority = columns
    return SwapArea(
        name=unescape(name),
        type=kind.decode(errors="backslashreplace"),
        size=int(size) * 1024,
        used=int(used) * 1024,
        priority=int(priority),
        medium=_medium(unescape(name), kind.decode(errors="replace")),
        deleted=name.endswith(_DELETED_MANGLED),
        access=None,
    )


def lines_left_out(data: bytes) -> int:
    """How many lines of /proc/swaps are beyond those that are read."""
    return max(0, data.rstrip(b"\n").count(b"\n") - MOST_AREAS)


def unescape(name: bytes) -> bytes:
    r"""Undo mangle_path(): a backslash and three octal digits stand for one byte.

    >>> unescape(rb"/swap\040file\134")
    b'/swap file\\'
    """
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), name)


def read_swaps(files: HostFiles) -> tuple[SwapArea, ...]:
    """The areas of the host; none where /proc/swaps is absent (a kernel without swap)."""
    nodes, ghosts = _mapped(files)
    return tuple(
        _looked_at(files, area, nodes, ghosts)
        for area in parse_swaps(files.data("proc/swaps") or b"")
    )


def _looked_at(
    files: HostFiles, area: SwapArea, nodes: Mapping[bytes, str], ghosts: Set[str]
) -> SwapArea:
    """`area` with what its device or file tells: who may read it, and whether it can hold the
    pages."""
    node = nodes.get(area.path) or os.fsdecode(area.path.removeprefix(b"/dev/"))
    if area.type == "partition" and "/" not in node:
        rotational = _rotational(files, node)
        medium = Medium.GHOST if node in ghosts else area.medium
        return replace(area, medium=medium, rotational=rotational)
    facts = files.status(area.name) if area.name.startswith(b"/") else None
    if facts is None or not stat.S_ISREG(facts.st_mode):
        return area
    return replace(
        area,
        # Ghost files may be listed as any type; only they are smaller than their area.
        medium=Medium.GHOST if facts.st_size < area.size else area.medium,
        deleted=False,  # it is there, so " (deleted)" is a part of its name
        access=Access(stat.S_IMODE(facts.st_mode), facts.st_uid),
    )


def _medium(name: bytes, kind: str) -> Medium:
    if kind.startswith(_GHOST_TYPES):
        return Medium.GHOST
    return Medium.ZRAM if _ZRAM.fullmatch(name) else Medium.DISK


def _mapped(files: HostFiles) -> tuple[dict[bytes, str], set[str]]:
    """The dm-N of every mapped device, by its name in /dev/mapper; and those that are ghosts."""
    nodes: dict[bytes, str] = {}
    ghosts: set[str] = set()
    for node in files.names("sys/block"):
        if not node.startswith("dm-"):
            continue
        name = files.text(f"sys/block/{node}/dm/name") or ""
        nodes[f"/dev/mapper/{name}".encode()] = node
        if (files.text(f"sys/block/{node}/dm/uuid") or "").startswith(_GHOST_UUID):
            ghosts.add(node)
    return nodes, ghosts


def _rotational(files: HostFiles, node: str) -> bool | None:
    """Of a whole device, or of the one that a partition lies on."""
    for place in (f"sys/block/{node}", f"sys/class/block/{node}", f"sys/class/block/{node}/.."):
        rotational = files.number(f"{place}/queue/rotational")
        if rotational is not None:
            return bool(rotational)
    return None
