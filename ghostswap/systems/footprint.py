"""What a system would do with the pages, in the terms of its own counters."""

from dataclasses import dataclass
from enum import StrEnum


class System(StrEnum):
    """The systems that are compared."""

    ZRAM = "zram"
    ZSWAP = "zswap"
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
class Figures:
    """One system's figures; counts in pages, amounts in bytes.

    `total_bytes` is what all pages take uncompressed. `metadata_bytes` is what the system pays
    besides the pool, which its own counters leave out. `refused_pages` are those it does not take:
    they go to disk, or stay in RAM (`kept_bytes`) where nothing may be written back.
    """

    system: System
    algorithm: str | None
    total_bytes: int
    pages_stored: int
    same_pages: int
    huge_pages: int
    compressed_bytes: int
    pool_bytes: int
    metadata_bytes: int
    refused_pages: int = 0
    kept_bytes: int = 0
    sharing: Sharing | None = None

    @property
    def ram_bytes(self) -> int:
        """RAM that the pages still take."""
        return self.pool_bytes + self.metadata_bytes + self.kept_bytes

    @property
    def saved_bytes(self) -> int:
        """RAM won; negative where metadata outweighs the gain."""
        return self.total_bytes - self.ram_bytes

    @property
    def ratio(self) -> float | None:
        """Uncompressed over remaining bytes; None where nothing remains."""
        return self.total_bytes / self.ram_bytes if self.ram_bytes else None
