"""Which swap areas are on: /proc/swaps, whatever names and types it holds.

Source: mm/swapfile.c, swap_show(); fs/seq_file.c, mangle_path() (Linux 6.18).
"""

import re
from dataclasses import dataclass

from ghostswap.host.files import HostFiles

# Five columns, of which the last four have a form: the name need be no path ("xswap0"), and the
# type may be any word.
_ROW = re.compile(
    rb"(?P<name>.*?)[ \t]+(?P<type>\S+)[ \t]+(?P<size>\d+)[ \t]+(?P<used>\d+)"
    rb"[ \t]+(?P<priority>-?\d+)"
)
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_DELETED = b" (deleted)"
GHOST_TYPES = frozenset({"ghost", "vswap"})


@dataclass(frozen=True, slots=True)
class SwapArea:
    """One line of /proc/swaps."""

    name: bytes  # as the kernel has it: usually a path, not always, and perhaps not UTF-8
    type: str  # "partition", "file", or any word that a later kernel prints
    size: int  # bytes
    used: int  # bytes
    priority: int

    @property
    def deleted(self) -> bool:
        """True if the file seems unlinked; a file whose name ends so looks the same."""
        return self.name.endswith(_DELETED)

    @property
    def path(self) -> bytes:
        """The name without the mark of an unlinked file."""
        return self.name.removesuffix(_DELETED)

    @property
    def ghost(self) -> bool:
        """True for an area without storage of its own: its pages live in zswap or in RAM."""
        return self.type in GHOST_TYPES or self.type.startswith("xswap")


def parse_swaps(data: bytes) -> tuple[SwapArea, ...]:
    """The areas that /proc/swaps lists, in its order; lines of another form are skipped."""
    # split(b"\n"), not splitlines(): the kernel leaves a carriage return in a name as it is.
    matches = (_ROW.fullmatch(line) for line in data.split(b"\n")[1:])
    return tuple(
        SwapArea(
            name=unescape(match["name"]),
            type=match["type"].decode(errors="backslashreplace"),
            size=int(match["size"]) * 1024,
            used=int(match["used"]) * 1024,
            priority=int(match["priority"]),
        )
        for match in matches
        if match
    )


def unescape(name: bytes) -> bytes:
    r"""Undo mangle_path(): a backslash and three octal digits stand for one byte.

    >>> unescape(rb"/swap\040file\134")
    b'/swap file\\'
    """
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), name)


def read_swaps(files: HostFiles) -> tuple[SwapArea, ...]:
    """The areas of the host; none where /proc/swaps is absent (a kernel without swap)."""
    return parse_swaps(files.data("proc/swaps") or b"")
