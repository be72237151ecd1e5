"""zswap's settings and limits: what holds its compressed pages, and how much RAM they may take."""

from enum import StrEnum

from ghostswap.kernel.version import V5_6, V6_7, V6_15, V6_18, KernelVersion

DEFAULT_POOL_PERCENT = 20
"""Of RAM: zswap_max_pool_percent, mm/zswap.c."""

DEFAULT_ACCEPT_PERCENT = 90
"""Of the limit: zswap_accept_thr_percent, mm/zswap.c."""


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
        """mm/Kconfig, ZSWAP_ZPOOL_DEFAULT: zbud through 6.6 (6.1), zsmalloc since 6.7 (6.12)."""
        return cls.ZBUD if version < V6_7 else cls.ZSMALLOC

    @classmethod
    def named(cls, name: str | None, version: KernelVersion) -> "Allocator | None":
        """The allocator that a kernel calls `name`; None for what it has not, or does not say."""
        allocator = next((each for each in cls if each == name), None)
        return allocator if allocator and allocator.exists(version) else None

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


def stores_incompressible(version: KernelVersion) -> bool:
    """Whether a page that does not shrink is stored as it is, except where writeback is off: since
    6.18 (zswap_compress(), mm/zswap.c). Before, and where it is off, it is refused."""
    return version >= V6_18


def has_accept_threshold(version: KernelVersion) -> bool:
    """Whether zswap, once its pool was full, takes no page until the pool is at
    accept_threshold_percent of its limit: since 5.6 (zswap_can_accept(); zswap_check_limits() since
    6.8, mm/zswap.c). Before, it took pages again as soon as the pool was below the limit."""
    return version >= V5_6
