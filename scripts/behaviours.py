"""What changed between kernels: each behaviour that figures depend on, over all releases.

The values come from the rules themselves, so the table (docs/kernels.md) cannot disagree with them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.rules import Rules, crypto_zstd_parameters, rules_for
from ghostswap.kernel.slots import Charge, Design, costs
from ghostswap.kernel.swapping import zswap_refuses_huge_pages
from ghostswap.kernel.version import RELEASES, V6_2, KernelVersion
from ghostswap.kernel.zswap import (
    DEFAULT_ACCEPT_PERCENT,
    Allocator,
    SameFilled,
    has_accept_threshold,
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One behaviour: `value` puts into words what it is under the default rules of a release;
    `source` names the kernel's file and function."""

    name: str
    value: Callable[[Rules], str]
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """A behaviour with one value from the release `first` to the release `last`."""

    behaviour: Behaviour
    first: KernelVersion
    last: KernelVersion
    value: str


def spans(behaviour: Behaviour) -> Iterator[Span]:
    """The values of a behaviour in order of release; releases of equal value are one span."""
    rules = (rules_for(version, {}) for version in RELEASES)
    for value, group in groupby(rules, behaviour.value):
        releases = [each.version for each in group]
        yield Span(behaviour, releases[0], releases[-1], value)


def _allocators(rules: Rules) -> str:
    return ", ".join(each for each in Allocator if each.exists(rules.version))


def _same_filled(rules: Rules) -> str:
    if rules.same_filled is SameFilled.ZEROMAP:
        return "zero pages: a bit of the swap area; others are compressed"
    return "a value in the entry, zero or not"


def _incompressible(rules: Rules) -> str:
    if rules.stores_incompressible:
        return "stored as it is, except where writeback is off"
    return f"refused beyond {rules.largest_payload(4096):,} bytes"


def _huge(rules: Rules) -> str:
    if zswap_refuses_huge_pages(rules.version):
        return "refused whole, and no counter tells; a seeking device or a file has them split"
    return "taken page by page"


def _reopens(rules: Rules) -> str:
    if has_accept_threshold(rules.version):
        return f"none until accept_threshold_percent ({DEFAULT_ACCEPT_PERCENT}) of the limit"
    return "those that fit"


def _zstd(rules: Rules) -> str:
    if crypto_zstd_parameters(rules.version):
        return "with the parameters for input of any length"
    if rules.zswap_variant("zstd") is not Variant.ZRAM:
        return "zram: with those for a page; zswap: for input of any length"
    return "with the parameters for a page, or such as find the same"


def _timed_zram_entry(rules: Rules) -> str:
    timed = rules_for(rules.version, {"ZRAM_MEMORY_TRACKING": "y"})
    return f"{rules.zram_entry_bytes}; {timed.zram_entry_bytes} with the time of access"


def _slot(charge: Charge) -> Callable[[Rules], str]:
    def value(rules: Rules) -> str:
        parts = costs(Design.GHOST, rules.version)
        total = sum(cost.bytes_per_slot for cost in parts if cost.charge is charge)
        return f"{float(total):.3f}"

    return value


def _size_classes(rules: Rules) -> str:
    return f"{len(rules.classes(4096).objects)} classes"


BEHAVIOURS = (
    Behaviour(
        "zswap: allocators", _allocators, "mm/Kconfig, mm/zbud.c and mm/z3fold.c until they went"
    ),
    Behaviour(
        "zswap: default allocator",
        lambda rules: rules.allocator,
        "mm/Kconfig, ZSWAP_ZPOOL_DEFAULT; the configuration and the parameter zpool come first",
    ),
    Behaviour(
        "zswap: a page of one repeated word",
        _same_filled,
        "mm/zswap.c, zswap_is_page_same_filled(); mm/page_io.c, is_folio_zero_filled()",
    ),
    Behaviour(
        "zswap: a page that does not shrink", _incompressible, "mm/zswap.c, zswap_compress()"
    ),
    Behaviour("zswap: a huge page", _huge, "mm/zswap.c, zswap_store(); get_swap_pages()"),
    Behaviour("zstd", _zstd, "crypto/zstd.c, zstd_params(); drivers/block/zram/backend_zstd.c"),
    Behaviour(
        "zram: recompression",
        lambda rules: "with CONFIG_ZRAM_MULTI_COMP" if rules.version >= V6_2 else "none",
        "drivers/block/zram/zram_drv.c, recompress_store()",
    ),
    Behaviour(
        "zswap: pages taken after the pool was full",
        _reopens,
        "mm/zswap.c, zswap_check_limits(); zswap_can_accept() until 6.7",
    ),
    Behaviour(
        "zswap: bytes of an entry",
        lambda rules: str(rules.zswap_entry_bytes),
        "mm/zswap.c, struct zswap_entry",
    ),
    Behaviour(
        "zswap: bytes before each payload",
        lambda rules: str(rules.zswap_header_bytes),
        "mm/zswap.c, struct zswap_header; only where the allocator can be told to write back",
    ),
    Behaviour(
        "zswap: bytes that find an entry",
        _slot(Charge.ENTRY),
        "mm/zswap.c, zswap_tree as xarray; until 6.9 an rb_node in the entry",
    ),
    Behaviour(
        "zram: bytes of a table entry",
        _timed_zram_entry,
        "drivers/block/zram/zram_drv.h, struct zram_table_entry",
    ),
    Behaviour(
        "zsmalloc: size classes of 4 KiB pages",
        _size_classes,
        "mm/zsmalloc.c, zs_create_pool(); CONFIG_ZSMALLOC_CHAIN_SIZE since 6.3",
    ),
    Behaviour(
        "swap area: bytes per slot, used or not",
        _slot(Charge.AREA),
        "mm/swapfile.c, swapon(); mm/swap_cgroup.c; plan --explain lists each",
    ),
    Behaviour(
        "swap area: bytes more per used slot",
        _slot(Charge.USED),
        "mm/swap_state.c; mm/swap_table.h since 6.18",
    ),
)
"""In the order in which they are shown."""
