"""How large should a swap area be: as large as what its pool of RAM can hold.

Pure arithmetic over an estimate. Amounts are in bytes; a slot holds a page.
"""

from dataclasses import dataclass, replace

from ghostswap.kernel.cgroups import GroupLimit, GroupLimits, LimitFile
from ghostswap.kernel.geometry import MAXIMUM_PAGES
from ghostswap.kernel.zswap import DEFAULT_ACCEPT_PERCENT, pool_limit
from ghostswap.systems.footprint import Footprint
from ghostswap.systems.table import SYSTEMS, Pool

MAXIMUM_SLOTS = MAXIMUM_PAGES - 1
DEFAULT_ZRAM_PERCENT = 50
"""Of RAM, for zram's mem_limit, which by itself it has none of: it holds all that is swapped, and
half of RAM is left for what is not. zram-generator's default for the size is also half."""

EVICTION = "eviction"
"""What Sizing.limited_by says where kubelet's signal is what limits the area."""

_MIB = 1 << 20
_STEPS_PER_OCTAVE = 8  # a round size is at most an eighth above the exact one


@dataclass(frozen=True, slots=True)
class PoolLimit:
    """The RAM that swapped-out pages may take: `percent` of `ram_bytes` (MemTotal).

    Once they took it all, no page is taken until they take `accept_percent` of it at most; 100 for
    what has no such threshold. `group` is what their control group is allowed. Of zram it is its
    mem_limit, `zram_percent` of RAM.
    """

    ram_bytes: int
    percent: int
    accept_percent: int = DEFAULT_ACCEPT_PERCENT
    group: GroupLimits | None = None
    zram_percent: int = DEFAULT_ZRAM_PERCENT

    def of_zram(self) -> "PoolLimit":
        """The limit of zram on the same machine, which takes pages up to it at any time."""
        return replace(self, percent=self.zram_percent, accept_percent=100)

    def bytes(self, page_size: int) -> int:
        """The limit in bytes, whole pages."""
        return pool_limit(self.ram_bytes, self.percent, page_size)

    def steady_bytes(self, page_size: int) -> int:
        """What the pool holds at least in the long run, once it was full, in bytes of whole pages
        (zswap_accept_thr_pages(), mm/zswap.c, 6.12 and 6.18)."""
        return self.bytes(page_size) // page_size * self.accept_percent // 100 * page_size


@dataclass(frozen=True, slots=True)
class Sizing:
    """How large an area must be for pages of this footprint, within the limit of the pool and of a
    control group.

    `pessimistic`, `expected` and `optimistic` are the slots that fill the pool, the last one also
    without slack; `steady` those that are left at least in a pool that was full before it takes
    pages again. `used` are those that will be, where a demand is known to be smaller, without the
    pages of it that are refused. `limited_by` is what is reached first: "pool", "demand",
    "eviction" or the name of a control group's file. `needed` slots are rounded up to the
    recommended area. Where the area is on disk, `disk_bytes` of memory are expected to go there.
    """

    footprint: Footprint
    limit: PoolLimit
    margin: float
    demand_bytes: int | None
    pessimistic: int
    expected: int
    optimistic: int
    steady: int
    used: int
    limited_by: str
    needed: int
    disk_bytes: int
    recommended_bytes: int

    @property
    def error(self) -> float:
        """The share by which a page may take more or less than measured."""
        return error_of(self.footprint, self.margin)

    @property
    def limit_bytes(self) -> int:
        """The RAM that the pool may take."""
        return self.limit.bytes(self.footprint.page_size)

    def memory_of(self, slots: int) -> int:
        """Bytes of memory that as many slots hold."""
        return self.footprint.memory_of(slots)

    @property
    def exact_pages(self) -> int:
        """Pages of the area, with its header page, that just holds what is used."""
        return min(self.used + 1, MAXIMUM_PAGES)

    @property
    def needed_bytes(self) -> int:
        """What is rounded up to the recommended area, without its header page."""
        return self.needed * self.footprint.page_size

    @property
    def recommended_pages(self) -> int:
        """Pages of the recommended area, with its header page."""
        return self.recommended_bytes // self.footprint.page_size

    @property
    def recommended_mib(self) -> int:
        """The recommended area in whole MiB, as zram-generator counts."""
        return self.recommended_bytes // _MIB

    @property
    def recommended_slots(self) -> int:
        """last_page of the recommended area."""
        return self.recommended_pages - 1

    @property
    def overcommitted_bytes(self) -> int:
        """What the recommended area offers beyond what the pool holds at the pessimistic end."""
        return max(0, self.recommended_slots - self.pessimistic) * self.footprint.page_size

    @property
    def unheld_bytes(self) -> int:
        """Of the demand that is taken, what does not fit into the pool at the pessimistic end."""
        taken = self.footprint.taken_of(self.demand_bytes or 0)
        return max(0, taken - self.memory_of(self.pessimistic))


def size_up(
    footprint: Footprint,
    limit: PoolLimit,
    margin: float,
    demand_bytes: int | None,
    *,
    on_disk: bool = False,
    most_slots: int | None = None,
) -> Sizing:
    """The size that lets the pool fill, or that a smaller demand needs. An area `on_disk` also
    offers the slots of what the pool does not hold: the rest of the demand, or where none is known,
    of pages that are refused. No area has more than `most_slots`, of which it is said that kubelet
    would not evict otherwise.

    `margin` is a share by which pages of another day may compress worse or better; it is added to
    the footprint's own error. The recommendation covers the optimistic end, rounded up: slots too
    many cost a few bytes each, slots too few leave RAM unused that was meant for them.
    """
    pool, full = footprint.pool_bytes, footprint.pool_bytes - footprint.slack_bytes
    error = error_of(footprint, margin)
    most = {} if most_slots is None else {EVICTION: most_slots}

    def slots_filling(pool_bytes: float, room: int) -> int:
        """Slots that fill `room` bytes if those of the footprint take `pool_bytes`."""
        if pool_bytes <= 0:
            return MAXIMUM_SLOTS
        return min(int(room * footprint.slots // pool_bytes), MAXIMUM_SLOTS)

    def reached(share: float, pool_bytes: int = pool) -> dict[str, int]:
        """Slots at which each limit is reached, if pages take `share` of what was measured."""
        in_pool = slots_filling(pool_bytes * share, limit.bytes(footprint.page_size))
        limits = limit.group.limits if limit.group else ()
        return {"pool": in_pool, **most} | {
            str(each.file): slots_within(each, footprint, share) for each in limits
        }

    expected_by = reached(1)
    expected = min(expected_by.values())
    optimistic = max(expected, min(reached(1 - error, full).values()))
    demand = MAXIMUM_SLOTS if demand_bytes is None else footprint.slots_of(demand_bytes)
    # A page that is refused has a slot as well, and keeps it or not.
    taken = demand if demand_bytes is None else footprint.slots_of(footprint.taken_of(demand_bytes))
    used, needed, to_disk = min(expected, taken), min(optimistic, demand), 0
    if on_disk:
        allowed = min(_allowed(limit.group, footprint), *most.values(), MAXIMUM_SLOTS)
        refused = footprint.refused_pages / footprint.taken_pages
        needed = optimistic + int(optimistic * refused) if demand_bytes is None else demand
        needed = min(needed, allowed)
        swapped = used + int(used * refused) if demand_bytes is None else demand
        to_disk = max(0, min(swapped, allowed) - used)
    return Sizing(
        footprint,
        limit,
        margin,
        demand_bytes,
        pessimistic=min(expected, *reached(1 + error).values()),
        expected=expected,
        optimistic=optimistic,
        steady=min(expected, slots_filling(pool, limit.steady_bytes(footprint.page_size))),
        used=used,
        limited_by="demand" if taken < expected else min(expected_by, key=expected_by.__getitem__),
        needed=needed,
        disk_bytes=to_disk * footprint.page_size,
        recommended_bytes=_recommended(needed, footprint.page_size, most_slots),
    )


def _allowed(group: GroupLimits | None, footprint: Footprint) -> int:
    """Slots that a control group may take, be they in the pool or on disk."""
    limits = group.limits if group else ()
    slots = [slots_within(each, footprint) for each in limits if each.file is LimitFile.SWAP]
    return min(slots, default=MAXIMUM_SLOTS)


def slots_within(limit: GroupLimit, footprint: Footprint, share: float = 1.0) -> int:
    """Slots at which one limit of a control group is reached."""
    if limit.file is LimitFile.SWAP:
        return min(limit.bytes // footprint.page_size, MAXIMUM_SLOTS)
    lengths = footprint.compressed_bytes * share
    if SYSTEMS[footprint.system].pool is Pool.ZRAM or lengths <= 0:
        return MAXIMUM_SLOTS
    return min(int(limit.bytes * footprint.slots // lengths), MAXIMUM_SLOTS)


def error_of(footprint: Footprint, margin: float) -> float:
    """The share by which a page may take more or less than measured."""
    return min(footprint.relative_error + margin, 0.99)


def _recommended(needed: int, page_size: int, most_slots: int | None) -> int:
    """The area for as many slots, rounded down where one more may be one too many."""
    size = round_size(needed + 1, page_size)
    if most_slots is None:
        return size
    return min(size, (most_slots + 1) * page_size // _MIB * _MIB)


def round_size(pages: int, page_size: int) -> int:
    """The next round size in bytes from `pages` on: a power of two in eighths, whole MiB; the
    largest area that the kernel can number where that is smaller.

    >>> round_size(1_000_000, 4096) >> 20
    4096
    >>> round_size(1_100_000, 4096) >> 20
    4608
    """
    size = pages * page_size
    step = max(_MIB, (1 << (size.bit_length() - 1)) // _STEPS_PER_OCTAVE)
    return min(-(-size // step) * step, MAXIMUM_PAGES * page_size)
