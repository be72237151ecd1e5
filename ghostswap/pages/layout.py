"""What the bytes of a dump mean: which of them are memory, in which order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ghostswap.pages.source import Mapping, SourceKind

MACHINE_WARNING = (
    "is the memory of a whole machine: page cache and the kernel's own pages are counted too, "
    "though swap never takes them"
)

ReadAt = Callable[[int, int], bytes]  # (offset, length) → at most length bytes


@dataclass(frozen=True, slots=True)
class Extent:
    """Neighbouring bytes of a dump that hold memory; sizes and offsets in bytes.

    `memory_bytes` beyond `file_bytes` were left out of the dump: they may have held anything.
    """

    offset: int
    file_bytes: int
    address: int
    memory_bytes: int
    mapping: Mapping = Mapping.UNKNOWN

    def absent_pages(self, page_size: int) -> int:
        """How many pages were left out of the dump."""
        return max(-(-self.memory_bytes // page_size) - -(-self.file_bytes // page_size), 0)


@dataclass(frozen=True, slots=True)
class Layout:
    """The memory in a dump: extents that do not overlap, and what the reader should know."""

    kind: SourceKind
    extents: Iterable[Extent]
    warnings: tuple[str, ...] = ()
