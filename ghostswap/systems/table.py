"""The systems that are compared, a row each: all that tells one from another stands here."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ghostswap.census.population import Population
from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.slots import Design
from ghostswap.systems.footprint import Footprint, System
from ghostswap.systems.ksm import ksm
from ghostswap.systems.zram import zram, zram_dedup, zram_recompressed
from ghostswap.systems.zswap import zswap, zswap_dedup


class Pool(Enum):
    """What a system keeps pages in."""

    ZRAM = "zram's zsmalloc"  # takes every page; one that hardly shrinks takes a whole page
    ZSWAP = "zswap's allocator"  # refuses pages that are too large for it
    PAGES = "pages"  # as they are


@dataclass(frozen=True, slots=True)
class Row:
    """One system: what it makes of pages, whether it stores each content once, its pool, and what
    holds its slots today. `released` is False for proposals that no kernel has; `recompresses` is
    True where its pages have the sizes that a second algorithm left."""

    footprint: Callable[[Population, Rules], Footprint]
    once: bool
    pool: Pool
    design: Design
    released: bool = True
    recompresses: bool = False

    @property
    def compresses(self) -> bool:
        """Whether it needs an algorithm."""
        return self.pool is not Pool.PAGES


SYSTEMS = {
    System.ZRAM: Row(zram, False, Pool.ZRAM, Design.ZRAM),
    System.ZRAM_RECOMPRESSED: Row(
        zram_recompressed, False, Pool.ZRAM, Design.ZRAM, recompresses=True
    ),
    System.ZRAM_DEDUP: Row(zram_dedup, True, Pool.ZRAM, Design.ZRAM, released=False),
    System.ZSWAP: Row(zswap, False, Pool.ZSWAP, Design.GHOST),
    System.ZSWAP_DEDUP: Row(zswap_dedup, True, Pool.ZSWAP, Design.GHOST, released=False),
    # Swapped out, its pages go to zswap.
    System.KSM: Row(ksm, True, Pool.PAGES, Design.GHOST),
}


def by_variant(in_zswap: Variant) -> list[tuple[Variant, list[Row]]]:
    """The systems that compress pages once, and by which variant of an algorithm: zram's, and apart
    those of zswap where that takes another, `in_zswap`."""
    rows = [row for row in SYSTEMS.values() if row.compresses and not row.recompresses]
    if in_zswap is Variant.ZRAM:
        return [(Variant.ZRAM, rows)]
    return [
        (Variant.ZRAM, [row for row in rows if row.pool is not Pool.ZSWAP]),
        (in_zswap, [row for row in rows if row.pool is Pool.ZSWAP]),
    ]


def of_design(system: System, design: Design) -> System:
    """`system`, or where that is of another design than `design`, the first of it that stores
    contents as often."""
    row = SYSTEMS[system]
    if row.design is design:
        return system
    return next(
        other for other, its in SYSTEMS.items() if its.design is design and its.once is row.once
    )
