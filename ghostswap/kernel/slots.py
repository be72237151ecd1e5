"""What swap slots cost in memory: bytes a slot, by kernel and by the design that keeps them.

Costs are for 64-bit kernels with THP_SWAP, whose clusters are as large as a huge page. Sizes of
structures are those of x86-64.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from ghostswap.kernel.swapping import zswap_refuses_huge_pages
from ghostswap.kernel.version import V6_1, V6_6, V6_10, V6_12, V6_18, V7_1, V7_2, KernelVersion

PHASE_IV = V7_2
"""The first release with swap table phase IV: 7.2.6 builds no mm/swap_cgroup.c (mm/Makefile) and
faults through swapin_sync() (mm/memory.c). The sizes are those measured in 7.3-rc3."""

MILESTONES = (V6_1, V6_12, V6_18, V7_1, PHASE_IV)
"""The releases between which the cost of a slot changed most."""


class Charge(StrEnum):
    """What a cost is paid for."""

    AREA = "area"  # every slot of the area, from swapon to swapoff
    USED = "used"  # every slot that holds a page
    ENTRY = "entry"  # every slot whose page zswap holds
    WRITTEN = "written"  # every slot whose page is on the disk below


@dataclass(frozen=True, slots=True)
class Cost:
    """One table or structure: `size` bytes of it serve `slots` slots.

    `error` is by how many bytes per slot it may be off: of proposals, what was computed from the
    patches and not measured, and what they keep longer than it is in use.
    """

    name: str
    size: int
    slots: int
    charge: Charge
    source: str
    error: Fraction = Fraction(0)

    @property
    def bytes_per_slot(self) -> Fraction:
        """Bytes, exactly: 32 bytes a cluster of 512 slots are 1/16."""
        return Fraction(self.size, self.slots)


@dataclass(frozen=True, slots=True)
class Load:
    """How a swap area is filled, in slots; `entries` of the `used` are in zswap."""

    area: int
    used: int
    entries: int
    written: int = 0


class Design(StrEnum):
    """What can keep the slots that pages are swapped to."""

    SWAPFILE = "zswap+swapfile"
    GHOST = "ghost"
    DYNAMIC_GHOST = "dynamic-ghost"
    XSWAP = "xswap"
    VSWAP_48 = "vswap-48"
    VSWAP_24 = "vswap-24"
    VSWAP_24_SWAPFILE = "vswap-24+swapfile"
    VSWAP_TABLE = "vswap-table"
    ZRAM = "zram"
    ZSWAP_ZRAM = "zswap+zram"


@dataclass(frozen=True, slots=True)
class Traits:
    """What a design means to its user. `sized`: the area has a size that somebody must choose;
    `takes_disk`: that size is taken on disk; `writes_back`: where pages can go when the pool is
    full, empty for nowhere; `counted`: `free` shows the area under Swap."""

    sized: bool
    takes_disk: bool
    writes_back: str
    counted: bool


TRAITS = {
    Design.SWAPFILE: Traits(True, True, "the swapfile", True),
    Design.GHOST: Traits(True, False, "", True),
    # /dev/ghostswap offers as many slots as the machine has pages; a file's header sets others.
    Design.DYNAMIC_GHOST: Traits(True, False, "", True),
    # At most once or twice RAM, by version of the patches; its file `limit` sets fewer.
    Design.XSWAP: Traits(True, False, "", True),
    Design.VSWAP_48: Traits(False, False, "a real area, if any", False),
    Design.VSWAP_24: Traits(False, False, "a real area, if any", False),
    Design.VSWAP_24_SWAPFILE: Traits(True, True, "the swapfile", True),
    Design.VSWAP_TABLE: Traits(False, False, "a real area, if any", False),
    Design.ZRAM: Traits(True, False, "backing device, if any", True),
    Design.ZSWAP_ZRAM: Traits(True, False, "zram, still in RAM", True),
}

SLOTS_A_TREE = 16384  # SWAP_ADDRESS_SPACE_PAGES, ZSWAP_ADDRESS_SPACE_PAGES: 64 MiB of 4 KiB pages
_CLUSTERS = "swap_cluster_info"
_POINTER = 8
_XA_NODE, _XA_SLOTS = 576, 64  # struct xa_node: 64 pointers, and 64 bytes of its own
_RFC_V6 = "virtual swap space v6 (May 2026), struct swp_desc; cover letter's tables"
_RFC_TABLE = "virtual swap space, swap table edition (RFC v2, June 2026)"
_RFC_XSWAP = "xswap (v3 and later, August and September 2026), xswap_create(), xswap_map_clusters()"
_RFC_IV = "swap table phase IV with dynamic ghost (RFC, February 2026), cover letter and patch 15"


def costs(
    design: Design, version: KernelVersion, page_size: int = 4096, zram_entry_bytes: int = 16
) -> tuple[Cost, ...]:
    """What `design` keeps for its slots. `version` does not matter to designs that are proposals
    with a kernel of their own: dynamic ghost, xswap and virtual swap.

    >>> sum(cost.bytes_per_slot for cost in costs(Design.GHOST, KernelVersion(7, 1))
    ...     if cost.charge is Charge.AREA)
    Fraction(2257, 1024)
    """
    match design:
        case Design.SWAPFILE | Design.GHOST:
            area = _area(version, page_size)
            if design is Design.GHOST and zswap_refuses_huge_pages(version):
                # Its device is declared rotational there, for which swapon() makes no clusters.
                area = tuple(cost for cost in area if cost.name != _CLUSTERS)
            return (*area, *_in_use(version, page_size), *lookup(version))
        case Design.ZRAM:
            table = _zram_table(zram_entry_bytes)
            return (*_area(version, page_size), *_in_use(version, page_size), table)
        case Design.ZSWAP_ZRAM:
            table = _zram_table(zram_entry_bytes)
            return (*costs(Design.SWAPFILE, version, page_size), table)
        case Design.DYNAMIC_GHOST:
            return _dynamic_ghost(page_size)
        case Design.XSWAP:
            return _xswap(page_size)
        case Design.VSWAP_48:
            return (Cost("swp_desc", 48, 1, Charge.USED, "virtual swap space v2 (2025)"),)
        case Design.VSWAP_24:
            return _virtual()
        case Design.VSWAP_24_SWAPFILE:
            return (*_virtual(), *_below_virtual())
        case Design.VSWAP_TABLE:
            return _virtual_table(page_size)


def lookup(version: KernelVersion) -> tuple[Cost, ...]:
    """How zswap finds the entry of a slot; until 6.9 by an rb_node that is part of the entry."""
    if version < V6_10:
        return ()
    source = "struct zswap_tree as xarray, mm/zswap.c, 6.12 and 6.18"
    return _xarray("zswap xarray", Charge.ENTRY, source)


def memory(costs: Iterable[Cost], load: Load) -> int:
    """Bytes that `costs` take under `load`, as if each cluster in use were full."""
    numbers = {
        Charge.AREA: load.area,
        Charge.USED: load.used,
        Charge.ENTRY: load.entries,
        Charge.WRITTEN: load.written,
    }
    exact = (cost.bytes_per_slot * numbers[cost.charge] for cost in costs)
    return round(sum(exact, Fraction(0)))


def cluster_slots(page_size: int) -> int:
    """SWAPFILE_CLUSTER with THP_SWAP (mm/swap.h, 6.18): the page table entries of one page."""
    return page_size // _POINTER


def _area(version: KernelVersion, page_size: int) -> tuple[Cost, ...]:
    """What swapon(2) allocates for each slot of an area, used or not (mm/swapfile.c)."""
    cluster = cluster_slots(page_size)
    parts = []
    # Since 7.1 (swap table phase III) the swap table holds the count.
    if version < V7_1:
        parts.append(Cost("swap_map", 1, 1, Charge.AREA, "swapon(), mm/swapfile.c, 6.1 to 6.18"))
    # Until phase IV; in 6.18 two u16 share one struct swap_cgroup.
    if version < PHASE_IV:
        source = "swap_cgroup_swapon(), mm/swap_cgroup.c, 6.1 to 6.18"
        parts.append(Cost("swap_cgroup", 2, 1, Charge.AREA, source))
    if version < V6_18:
        source = "swap_cgroup_prepare(), mm/swap_cgroup.c, 6.1 and 6.12: a pointer a page of them"
        parts.append(Cost("swap_cgroup map", _POINTER, page_size // 2, Charge.AREA, source))
    # Until frontswap, through which zswap was called, went.
    if version < V6_6:
        parts.append(Cost("frontswap_map", 1, 8, Charge.AREA, "swapon(), mm/swapfile.c, 6.1"))
    # Since 6.12; in phase IV a bit of the swap table's entry.
    if V6_12 <= version < PHASE_IV:
        parts.append(Cost("zeromap", 1, 8, Charge.AREA, "swapon(), mm/swapfile.c, 6.12 and 6.18"))
    parts.append(
        Cost(
            _CLUSTERS,
            _cluster_info_bytes(version),
            cluster,
            Charge.AREA,
            "struct swap_cluster_info, include/linux/swap.h and mm/swap.h, 6.1 to 7.3-rc3",
        )
    )
    if version < V6_18:
        source = "init_swap_address_space(), mm/swap_state.c, 6.12; sizeof from 6.18"
        parts.append(Cost("address_space", 192, SLOTS_A_TREE, Charge.AREA, source))
    if version >= V6_10:
        source = "zswap_swapon(), mm/zswap.c, 6.12 and 6.18"
        parts.append(Cost("zswap_tree", 16, SLOTS_A_TREE, Charge.AREA, source))
    return tuple(parts)


def _cluster_info_bytes(version: KernelVersion) -> int:
    """sizeof(struct swap_cluster_info)."""
    if version >= PHASE_IV:
        return 48
    if version >= V7_1:
        return 40
    if version >= V6_18:
        return 32
    return 24 if version >= V6_12 else 8


def _in_use(version: KernelVersion, page_size: int) -> tuple[Cost, ...]:
    """What a used slot adds, except what zswap or zram keep of its page."""
    if version < V6_18:
        return _xarray("swap cache", Charge.USED, "struct address_space, mm/swap_state.c, 6.12")
    parts = [_swap_table(page_size)]
    if version >= PHASE_IV:
        parts.append(Cost("memcg id", 2, 1, Charge.USED, "swap table phase IV, v5 (May 2026)"))
    return tuple(parts)


def _swap_table(page_size: int) -> Cost:
    cluster = cluster_slots(page_size)
    source = "struct swap_table, mm/swap_table.h, 6.18: for a cluster with any slot in use"
    return Cost("swap table", cluster * _POINTER, cluster, Charge.USED, source)


def _clusters_on_demand(name: str, size: int, error: int, page_size: int, source: str) -> Cost:
    """A structure of `size` bytes, give or take `error`, for each cluster with any slot in use."""
    slots = cluster_slots(page_size)
    return Cost(name, size, slots, Charge.USED, source, Fraction(error, slots))


def _xarray(name: str, charge: Charge, source: str) -> tuple[Cost, ...]:
    """A dense xarray: a pointer a slot, and what its nodes take besides."""
    heads = _XA_NODE - _XA_SLOTS * _POINTER
    return (
        Cost(name, _POINTER, 1, charge, source),
        Cost(f"{name} nodes", heads, _XA_SLOTS, charge, "struct xa_node, include/linux/xarray.h"),
    )


def _zram_table(entry_bytes: int) -> Cost:
    source = "struct zram_table_entry, drivers/block/zram/zram_drv.h, 6.18"
    return Cost("zram table", entry_bytes, 1, Charge.AREA, source)


def _dynamic_ghost(page_size: int) -> tuple[Cost, ...]:
    return (
        Cost("swap table", _POINTER, 1, Charge.USED, _RFC_IV),
        Cost("memcg id", 2, 1, Charge.USED, _RFC_IV),
        # 48 of swap_cluster_info, u32 index with padding 8, rcu_head 16: computed.
        _clusters_on_demand("swap_cluster_info_dynamic", 72, 8, page_size, _RFC_IV),
        *_xarray("zswap xarray", Charge.ENTRY, _RFC_IV),
    )


def _xswap(page_size: int) -> tuple[Cost, ...]:
    """The tables of phase IV, whose array of clusters grows with use (xswap_map_clusters()).

    It shrinks only once half of it is out of use (xswap_try_shrink()): until then it may be twice
    as large as what is in use.
    """
    return (
        Cost("zswap_tree", 16, SLOTS_A_TREE, Charge.AREA, "zswap_swapon(), mm/zswap.c, 6.18"),
        _swap_table(page_size),
        Cost("memcg id", 2, 1, Charge.USED, _RFC_XSWAP),
        _clusters_on_demand(_CLUSTERS, 48, 48, page_size, _RFC_XSWAP),
        *_xarray("zswap xarray", Charge.ENTRY, _RFC_XSWAP),
    )


def _virtual() -> tuple[Cost, ...]:
    return (
        Cost("swp_desc", 24, 1, Charge.USED, _RFC_V6),
        Cost("virtual cluster", 1, 8, Charge.USED, _RFC_V6),
    )


def _below_virtual() -> tuple[Cost, ...]:
    """What a real area below virtual swap takes: two bitmaps, and where a written slot belongs."""
    return (
        Cost("slot bitmaps", 2, 8, Charge.AREA, _RFC_V6),
        Cost("reverse map", _POINTER, 1, Charge.WRITTEN, _RFC_V6),
    )


def _virtual_table(page_size: int) -> tuple[Cost, ...]:
    return (
        Cost("swap table", _POINTER, 1, Charge.USED, _RFC_TABLE),
        Cost("virtual_table", _POINTER, 1, Charge.USED, _RFC_TABLE),
        Cost("memcg id", 2, 1, Charge.USED, _RFC_TABLE),
        # As the dynamic ghost's, with a pointer to virtual_table: computed.
        _clusters_on_demand("swap_cluster_info_dynamic", 80, 8, page_size, _RFC_TABLE),
    )
