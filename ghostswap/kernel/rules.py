"""Which rules hold on a kernel: what its version and its configuration decide for the models."""

from collections.abc import Mapping
from dataclasses import dataclass

from ghostswap.kernel.algorithm import DEFAULT_ZSTD, Variant
from ghostswap.kernel.slots import Load, lookup, memory
from ghostswap.kernel.swapping import zswap_refuses_huge_pages
from ghostswap.kernel.version import (
    V5_19,
    V6_3,
    V6_5,
    V6_10,
    V6_12,
    V6_17,
    V6_18,
    V7_0,
    KernelVersion,
)
from ghostswap.kernel.zbud import zbud_largest
from ghostswap.kernel.zsmalloc import DEFAULT_CHAIN_SIZE, SizeClasses, size_classes
from ghostswap.kernel.zswap import Allocator, SameFilled, stores_incompressible


@dataclass(frozen=True, slots=True)
class Rules:
    """What the models follow.

    `writeback` False is memory.zswap.writeback=0; `ghost`, that all swap areas are ghosts.
    `whole_huge_pages` True, that an area is a block device that does not seek, which is given huge
    pages unsplit. `zram_entry_bytes` is sizeof(struct zram_table_entry).
    """

    version: KernelVersion
    allocator: Allocator
    chain_size: int = DEFAULT_CHAIN_SIZE
    zram_entry_bytes: int = 16
    writeback: bool = True
    ghost: bool = False
    whole_huge_pages: bool = False

    def classes(self, page_size: int) -> SizeClasses:
        """zsmalloc's size classes."""
        return size_classes(page_size, self.chain_size, before_6_3=self.version < V6_3)

    @property
    def same_filled(self) -> SameFilled:
        """mm/zswap.c, zswap_is_page_same_filled(); mm/page_io.c, is_folio_zero_filled()."""
        return SameFilled.ZEROMAP if self.version >= V6_12 else SameFilled.IN_ENTRY

    @property
    def stores_incompressible(self) -> bool:
        """Whether zswap keeps a page that does not shrink as it is."""
        return stores_incompressible(self.version) and self.writeback

    @property
    def zswap_refuses_huge_pages(self) -> bool:
        """Whether pages that lie in huge pages go past zswap."""
        return self.whole_huge_pages and zswap_refuses_huge_pages(self.version)

    def largest_payload(self, page_size: int) -> int:
        """The largest compressed page, in bytes, that zswap takes; larger ones it refuses."""
        if self.stores_incompressible:
            return page_size + 1  # stands for anything larger than a page
        if self.version >= V6_18:  # zswap_compress()
            return page_size - 1
        return self.largest_object(page_size) - self.zswap_header_bytes

    def largest_object(self, page_size: int) -> int:
        """The largest object that zswap's allocator takes, in bytes."""
        return zbud_largest(page_size) if self.allocator is Allocator.ZBUD else page_size

    def zswap_variant(self, algorithm: str) -> Variant:
        """How zswap calls `algorithm`: as zram does, but zstd of the default level. From 6.12 zram
        calls that itself (backend_zstd.c), and until 6.16 crypto/zstd.c, which zswap has, has other
        parameters.

        >>> rules_for(KernelVersion(6, 12), {}).zswap_variant("zstd")
        <Variant.IN_CRYPTO: '@crypto'>
        """
        if V6_12 <= self.version < V6_17 and algorithm in DEFAULT_ZSTD:
            return Variant.IN_CRYPTO
        return Variant.ZRAM

    @property
    def zswap_entry_bytes(self) -> int:
        """sizeof(struct zswap_entry), mm/zswap.c: 56 until 5.18; 64 with the objcg of 5.19 (6.1);
        80 with the lru of 6.5; 56 since 6.10 without the rb_node that found it (6.12, 6.18)."""
        if self.version >= V6_10 or self.version < V5_19:
            return 56
        return 80 if self.version >= V6_5 else 64

    def zswap_lookup_bytes(self, entries: int) -> int:
        """What finds as many entries by their slots, besides what is part of them."""
        return memory(lookup(self.version), Load(area=0, used=0, entries=entries))

    def zswap_slack_bytes(self, page_size: int, pool_bytes: int, payload_bytes: int) -> int:
        """What more pages would fill of zswap's pool. What zbud and z3fold waste stays wasted,
        however many pages come."""
        if self.allocator is not Allocator.ZSMALLOC:
            return 0
        return self.classes(page_size).slack_bytes(pool_bytes, payload_bytes)

    def kept_bytes(self, refused_pages: int, page_size: int) -> int:
        """RAM that pages which zswap refuses go on to take: where nothing is written back, all."""
        return refused_pages * page_size if self.ghost or not self.writeback else 0

    @property
    def zswap_header_bytes(self) -> int:
        """struct zswap_header before each payload, until 6.4: only where the allocator can be told
        to write back, which zsmalloc could since 6.3 (zpool_evictable())."""
        if self.allocator is Allocator.ZSMALLOC and self.version < V6_3:
            return 0
        return 8 if self.version < V6_5 else 0


def rules_for(version: KernelVersion, config: Mapping[str, str], zpool: str | None = None) -> Rules:
    """The rules of a kernel of this version built with `config` (settings without CONFIG_), whose
    zswap has `zpool` for its parameter of that name.

    What neither says is taken as the kernel's own default.
    """
    allocator = (
        Allocator.named(zpool, version)
        or Allocator.named(config.get("ZSWAP_ZPOOL_DEFAULT", "").strip('"'), version)
        or Allocator.default(version)
    )
    chain_size = int(config.get("ZSMALLOC_CHAIN_SIZE", DEFAULT_CHAIN_SIZE))
    # The access time in an entry: by an option of its own in 6.12, with the tracking in 6.1; in 7.0
    # (drivers/block/zram/zram_drv.h) a u32 beside a u32 of flags, and no bytes more.
    tracked = ("ZRAM_TRACK_ENTRY_ACTIME", "ZRAM_MEMORY_TRACKING")
    timed = version < V7_0 and any(config.get(name) == "y" for name in tracked)
    return Rules(version, allocator, chain_size, zram_entry_bytes=24 if timed else 16)


def crypto_zstd_parameters(version: KernelVersion) -> bool:
    """Whether zram's zstd of the default level uses the parameters for input of any length.

    It does through crypto/zstd.c, zstd_get_params(3, 0), which zram used until 6.11; since 6.12 it
    has drivers/block/zram/backend_zstd.c, which knows that its input is a page.
    """
    return version < V6_12
