"""Which rules hold on a kernel: what its version and its configuration decide for the models."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zsmalloc import DEFAULT_CHAIN_SIZE, SizeClasses, size_classes
from ghostswap.systems.footprint import System


class SameFilled(StrEnum):
    """What zswap does with pages of one repeated word."""

    IN_ENTRY = "in_entry"  # kept as a value in the entry, zero or not: 4.16 to 6.11
    ZEROMAP = "zeromap"  # zero pages are a bit of the swap area, others are compressed: since 6.12


class Allocator(StrEnum):
    """What holds zswap's compressed pages (module parameter zpool, until 6.17)."""

    ZSMALLOC = "zsmalloc"
    ZBUD = "zbud"
    Z3FOLD = "z3fold"


V6_3 = KernelVersion(6, 3)
V6_5 = KernelVersion(6, 5)
V6_10 = KernelVersion(6, 10)
V6_12 = KernelVersion(6, 12)
V6_15 = KernelVersion(6, 15)
V6_18 = KernelVersion(6, 18)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the models follow.

    `writeback` False is memory.zswap.writeback=0; `ghost`, that all swap areas are ghosts. With
    either, a page that zswap refuses stays in RAM. `zram_entry_bytes` is sizeof(struct
    zram_table_entry).
    """

    version: KernelVersion
    allocator: Allocator
    chain_size: int = DEFAULT_CHAIN_SIZE
    zram_entry_bytes: int = 16
    writeback: bool = True
    ghost: bool = False

    def classes(self, page_size: int) -> SizeClasses:
        """zsmalloc's size classes."""
        return size_classes(page_size, self.chain_size, before_6_3=self.version < V6_3)

    @property
    def same_filled(self) -> SameFilled:
        """mm/zswap.c, zswap_is_page_same_filled(); mm/page_io.c, is_folio_zero_filled()."""
        return SameFilled.ZEROMAP if self.version >= V6_12 else SameFilled.IN_ENTRY

    @property
    def stores_incompressible(self) -> bool:
        """Since 6.18 (zswap_compress()) a page that does not shrink is stored as it is, save where
        writeback is off."""
        return self.version >= V6_18 and self.writeback

    def codec_error(self, system: System, algorithm: str) -> float:
        """How far compressed bytes in this system may be from the codec's, which is zram's, beyond
        the codec's own error: a fraction.

        From 6.12 zram calls zstd itself; zswap went on through crypto/zstd.c, whose parameters were
        others until 6.15. Measured on 6.12: a pool larger by 1.05 %.
        """
        zswap = system in (System.ZSWAP, System.ZSWAP_DEDUP)
        apart = V6_12 <= self.version <= V6_15
        return 0.012 if zswap and apart and algorithm.startswith("zstd") else 0.0

    @property
    def zswap_entry_bytes(self) -> int:
        """struct zswap_entry, and from 6.10 on its share of the xarray that finds it: nodes of 576
        bytes for 64 entries. Before, an rb_node in the entry did."""
        return 56 + 9 if self.version >= V6_10 else 64

    @property
    def zswap_header_bytes(self) -> int:
        """struct zswap_header before each payload, until 6.4: only where the allocator can be told
        to write back, which zsmalloc could since 6.3 (zpool_evictable())."""
        if self.allocator is Allocator.ZSMALLOC and self.version < V6_3:
            return 0
        return 8 if self.version < V6_5 else 0


def rules_for(version: KernelVersion, config: Mapping[str, str]) -> Rules:
    """The rules of a kernel of this version built with `config` (settings without CONFIG_).

    What `config` does not say is taken as the kernel's own default.
    """
    chain_size = int(config.get("ZSMALLOC_CHAIN_SIZE", DEFAULT_CHAIN_SIZE))
    # The access time in an entry: by an option of its own in 6.12, with the tracking in 6.1.
    tracked = ("ZRAM_TRACK_ENTRY_ACTIME", "ZRAM_MEMORY_TRACKING")
    entry_bytes = 24 if any(config.get(name) == "y" for name in tracked) else 16
    return Rules(version, default_allocator(version), chain_size, entry_bytes)


def default_allocator(version: KernelVersion) -> Allocator:
    """mm/Kconfig: zbud before 6.3, zsmalloc since."""
    return Allocator.ZBUD if version < V6_3 else Allocator.ZSMALLOC


def allocator_exists(allocator: Allocator, version: KernelVersion) -> bool:
    """zbud and z3fold were removed in 6.15."""
    return allocator is Allocator.ZSMALLOC or version < V6_15
