"""zswap's settings and limits: what holds its compressed pages, and how much RAM they may take."""

from enum import StrEnum

from ghostswap.kernel.version import V6_3, V6_15, KernelVersion

DEFAULT_POOL_PERCENT = 20
"""Of RAM: zswap_max_pool_percent, mm/zswap.c."""


class SameFilled(StrEnum):
    """What zswap does with pages of one repeated word."""

    IN_ENTRY = "in_entry"  # kept as a value in the entry, zero or not: 4.16 to 6.11
    ZEROMAP = "zeromap"  # zero pages are a bit of the swap area, others are compressed: since 6.12


class Allocator(StrEnum):
    """What holds zswap's compressed pages (module parameter zpool, until 6.17)."""

    ZSMALLOC = "zsmalloc"
    ZBUD = "zbud"
    Z3FOLD = "z3fold"

    @classmethod
    def default(cls, version: KernelVersion) -> "Allocator":
        """mm/Kconfig: zbud before 6.3, zsmalloc since."""
        return cls.ZBUD if version < V6_3 else cls.ZSMALLOC

    def exists(self, version: KernelVersion) -> bool:
        """Whether the kernel has it: zbud and z3fold were removed in 6.15."""
        return self is Allocator.ZSMALLOC or version < V6_15


def pool_limit(ram_bytes: int, percent: int, page_size: int) -> int:
    """The most that the pool may take, in bytes, where max_pool_percent is `percent`.

    The kernel counts in whole pages, totalram_pages() * percent / 100: zswap_is_full() of 6.1,
    zswap_max_pages() of 6.18 (mm/zswap.c).

    >>> pool_limit(16727052288, 20, 4096)
    3345408000
    """
    return ram_bytes // page_size * percent // 100 * page_size
