"""What one system makes of the pages, in the terms of its own counters."""

from dataclasses import dataclass
from enum import StrEnum

from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.recompression import Pages


class System(StrEnum):
    """The systems that are compared."""

    ZRAM = "zram"
    ZSWAP = "zswap"
    ZRAM_RECOMPRESSED = "zram+recompress"
    ZRAM_DEDUP = "zram+dedup"
    ZSWAP_DEDUP = "zswap+dedup"
    KSM = "ksm"


@dataclass(frozen=True, slots=True)
class Sharing:
    """KSM's counters of the same name in /sys/kernel/mm/ksm: in pages, the profit in bytes."""

    pages_shared: int
    pages_sharing: int
    general_profit: int


@dataclass(frozen=True, slots=True)
class Recompressed:
    """What a second compressor replaced in zram: the objects of as many pages, out of those that a
    kernel.recompression.Recompression of the first three fields is about."""

    algorithm: str
    pages: Pages
    threshold: int
    recompressed_pages: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """One system's figures for the pages of a population; counts in pages, amounts in bytes.

    `refused_pages` are those it does not take: they go to disk, or stay in RAM (`kept_bytes`) where
    nothing may be written back; `refused_thp_pages` of them, since they lie in huge pages. It keeps
    an entry for each of `pages_stored`.

    Of `pool_bytes`, `slack_bytes` at most are zspages that more pages would fill. The system's own
    counters leave out the rest: `entry_bytes` for what it keeps of a page or content, and
    `lookup_bytes` for what finds that by slot (the xarray of zswap, the table of zram).

    Of `same_pages`, `zeromap_pages` are a bit of the swap area: neither zswap nor zram gets those,
    except a zram that is written as a plain device, whose other figures count them.

    `relative_error` is how far pool_bytes may be off, as a share of it.
    """

    system: System
    algorithm: str | None
    page_size: int
    total_pages: int
    pages_stored: int
    same_pages: int
    huge_pages: int
    refused_pages: int
    compressed_bytes: int
    pool_bytes: int
    slack_bytes: int
    entry_bytes: int
    lookup_bytes: int
    zeromap_pages: int = 0
    refused_thp_pages: int = 0
    kept_bytes: int = 0
    relative_error: float = 0.0
    variant: Variant = Variant.ZRAM
    sharing: Sharing | None = None
    recompression: Recompressed | None = None

    @property
    def name(self) -> str | None:
        """What reports call its algorithm, and the variant of that."""
        return None if self.algorithm is None else self.algorithm + self.variant

    @property
    def total_bytes(self) -> int:
        """What all pages take uncompressed."""
        return self.total_pages * self.page_size

    @property
    def metadata_bytes(self) -> int:
        """What the system keeps besides the pool."""
        return self.entry_bytes + self.lookup_bytes

    @property
    def ram_bytes(self) -> int:
        """RAM that the pages still take."""
        return self.pool_bytes + self.metadata_bytes + self.kept_bytes

    @property
    def saved_bytes(self) -> int:
        """RAM won; negative where metadata outweighs the gain."""
        return self.total_bytes - self.ram_bytes

    @property
    def taken_pages(self) -> int:
        """Pages that the system takes."""
        return self.total_pages - self.refused_pages

    @property
    def slots(self) -> int:
        """Swap slots that those take: one each, and one for all that KSM merged into one."""
        merged = self.sharing.pages_sharing if self.sharing else 0
        return max(self.taken_pages - merged, 1)

    @property
    def ratio(self) -> float | None:
        """Memory taken over the pool that holds it; None where it needs none."""
        return self.taken_pages * self.page_size / self.pool_bytes if self.pool_bytes else None

    @property
    def slack(self) -> float:
        """slack_bytes as a share of the pool: large where few pages were measured."""
        return self.slack_bytes / self.pool_bytes if self.pool_bytes else 0.0

    def pool_of(self, slots: int) -> int:
        """Bytes of pool that as many slots take."""
        return slots * self.pool_bytes // self.slots

    def entries_of(self, slots: int) -> int:
        """Entries that the system keeps for as many slots: none for a page in the zeromap."""
        return slots * self.pages_stored // self.slots

    def entry_bytes_of(self, slots: int) -> int:
        """Bytes of entries for as many slots."""
        return slots * self.entry_bytes // self.slots

    def memory_of(self, slots: int) -> int:
        """Bytes of memory that as many slots hold; more than the slots' own where KSM merged."""
        return slots * self.taken_pages // self.slots * self.page_size

    def taken_of(self, memory: int) -> int:
        """Bytes that are taken of as many bytes of memory: pages that are refused are in that."""
        return -(-memory * self.taken_pages // self.total_pages)

    def slots_of(self, memory: int) -> int:
        """Slots that as many bytes of memory take."""
        pages = -(-memory // self.page_size)
        return -(-pages * self.slots // self.taken_pages)
