"""What the bytes of a dump mean: which of them are memory, in which order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ghostswap.pages.source import Mapping, SourceKind

MACHINE_WARNING = (
    "is the memory of a whole machine: page cache and the kernel's own pages are counted too, "
    "though swap never takes them"
)
# No extent ends beyond this byte, so that offsets can be added up in 64 bits.
MOST_BYTES = 1 << 62

ReadAt = Callable[[int, int], bytes]  # (offset, length) → at most length bytes


@dataclass(frozen=True, slots=True)
class Dump:
    """What can be asked of a dump before its pages are read.

    `read` gives its bytes; where `size` (bytes) is None, it comes through a pipe or a decompressor
    and only its beginning can be read yet. `path` is where it lies, for a format that has files
    beside it; None for what comes through a pipe or a decompressor.
    """

    read: ReadAt
    size: int | None
    page_size: int
    path: Path | None = None


class Extent(NamedTuple):
    """Neighbouring bytes of a dump that hold memory; sizes and offsets in bytes.

    `memory_bytes` beyond `file_bytes` were left out of the dump: they may have held anything.
    """

    offset: int
    file_bytes: int
    memory_bytes: int
    mapping: Mapping = Mapping.UNKNOWN

    def absent_pages(self, page_size: int) -> int:
        """How many pages were left out of the dump."""
        return max(-(-self.memory_bytes // page_size) - -(-self.file_bytes // page_size), 0)


@dataclass(frozen=True, slots=True)
class Layout:
    """The memory in a dump, and what the reader of a report should know of it.

    `extents` come in order of offset, do not overlap and end before MOST_BYTES. They may be
    millions: they are iterated over once, and may end with ValueError where the dump is damaged.
    `kind` is given where it is not that of the format (a core may be of a whole machine).
    """

    extents: Iterable[Extent]
    warnings: tuple[str, ...] = ()
    kind: SourceKind | None = None
