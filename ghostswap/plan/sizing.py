"""How large should a swap area be: as large as what its pool of RAM can hold.

Pure arithmetic over an estimate. Amounts are in bytes; a slot holds a page.
"""

from dataclasses import dataclass

from ghostswap.kernel.geometry import MAXIMUM_PAGES
from ghostswap.kernel.slots import (
    MILESTONES,
    TRAITS,
    Charge,
    Design,
    Load,
    costs,
    memory,
)
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zswap import pool_limit
from ghostswap.systems.footprint import System

MAXIMUM_SLOTS = MAXIMUM_PAGES - 1
_MIB = 1 << 20
_STEPS_AN_OCTAVE = 8  # a round size is at most an eighth above the exact one


@dataclass(frozen=True, slots=True)
class Measure:
    """What pages took in a system: `pages` of memory in `slots` swap slots, of which the system
    keeps an entry for `entries` (zero pages may need none).

    `metadata_bytes` is what the system keeps besides the pool, without what finds an entry by its
    slot and without zram's table: those belong to the design (kernel/slots.py). `refused_pages`
    were offered too and not taken. `error` is how far pool_bytes may be off, as a share of it;
    up to `slack_bytes` of it are zspages not full yet, which more pages would fill.
    """

    system: System
    algorithm: str | None
    page_size: int
    pages: int
    slots: int
    entries: int
    pool_bytes: int
    slack_bytes: int
    metadata_bytes: int
    refused_pages: int
    error: float

    @property
    def ratio(self) -> float | None:
        """Memory swapped out over the pool it takes; None where it takes none."""
        return self.pages * self.page_size / self.pool_bytes if self.pool_bytes else None

    def pool_of(self, slots: int) -> int:
        """Bytes of pool that as many slots take."""
        return slots * self.pool_bytes // self.slots

    def memory_of(self, slots: int) -> int:
        """Bytes of memory that as many slots hold; more than the slots' own where KSM merged."""
        return slots * self.pages // self.slots * self.page_size

    def slots_of(self, memory: int) -> int:
        """Slots that as many bytes of memory take."""
        pages = -(-memory // self.page_size)
        return -(-pages * self.slots // self.pages)

    def slots_in(self, pool_bytes: int, taken: float | None = None) -> int:
        """Slots that a pool holds if as many as measured took `taken` bytes, not `pool_bytes`."""
        if taken is None:
            taken = self.pool_bytes
        if taken <= 0:
            return MAXIMUM_SLOTS
        return min(int(pool_bytes * self.slots // taken), MAXIMUM_SLOTS)

    @property
    def slack(self) -> float:
        """slack_bytes as a share of the pool: large where few pages were measured."""
        return self.slack_bytes / self.pool_bytes if self.pool_bytes else 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """The RAM that swapped-out pages may take: `percent` of `ram_bytes` (MemTotal)."""

    ram_bytes: int
    percent: int

    def limit(self, page_size: int) -> int:
        """The pool's limit in bytes, whole pages."""
        return pool_limit(self.ram_bytes, self.percent, page_size)


@dataclass(frozen=True, slots=True)
class Sizing:
    """How large an area must be for `measure` in `room`.

    `pessimistic`, `expected` and `optimistic` are the slots that fill the pool, the last one also
    without slack; `used` those that
    will be, where a demand is known to be smaller.
    """

    measure: Measure
    room: Room
    margin: float
    demand_bytes: int | None
    pessimistic: int
    expected: int
    optimistic: int
    used: int
    recommended_bytes: int

    @property
    def error(self) -> float:
        """The share by which a page may take more or less than measured."""
        return _error(self.measure, self.margin)

    @property
    def limit_bytes(self) -> int:
        """The RAM that the pool may take."""
        return self.room.limit(self.measure.page_size)

    @property
    def exact_pages(self) -> int:
        """Pages of the area, with its header page, that just holds what is used."""
        return min(self.used + 1, MAXIMUM_PAGES)

    @property
    def recommended_pages(self) -> int:
        """Pages of the recommended area, with its header page."""
        return self.recommended_bytes // self.measure.page_size

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
        return max(0, self.recommended_slots - self.pessimistic) * self.measure.page_size

    @property
    def unheld_bytes(self) -> int:
        """Of the demand, what does not fit into the pool at the pessimistic end."""
        return max(0, (self.demand_bytes or 0) - self.measure.memory_of(self.pessimistic))


def size_up(measure: Measure, room: Room, margin: float, demand_bytes: int | None) -> Sizing:
    """The size that lets the pool fill, or that a smaller demand needs.

    `margin` is a share by which pages of another day may compress worse or better; it is added to
    the measure's own error. The recommendation covers the optimistic end, rounded up: slots too
    many cost a few bytes each, slots too few leave RAM unused that was meant for them.
    """
    limit = room.limit(measure.page_size)
    error = _error(measure, margin)
    expected = measure.slots_in(limit)
    full = (measure.pool_bytes - measure.slack_bytes) * (1 - error)
    optimistic = max(expected, measure.slots_in(limit, full))
    demand = MAXIMUM_SLOTS if demand_bytes is None else measure.slots_of(demand_bytes)
    return Sizing(
        measure,
        room,
        margin,
        demand_bytes,
        pessimistic=min(expected, measure.slots_in(limit, measure.pool_bytes * (1 + error))),
        expected=expected,
        optimistic=optimistic,
        used=min(expected, demand),
        recommended_bytes=round_size(min(optimistic, demand) + 1, measure.page_size),
    )


def _error(measure: Measure, margin: float) -> float:
    return min(measure.error + margin, 0.99)


def round_size(pages: int, page_size: int) -> int:
    """The next round size in bytes from `pages` on: a power of two in eighths, whole MiB; the
    largest area that the kernel can number where that is smaller.

    >>> round_size(1_000_000, 4096) >> 20
    4096
    >>> round_size(1_100_000, 4096) >> 20
    4608
    """
    size = pages * page_size
    step = max(_MIB, (1 << (size.bit_length() - 1)) // _STEPS_AN_OCTAVE)
    return min(-(-size // step) * step, MAXIMUM_PAGES * page_size)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """What an area `factor` times too large takes for slots that are never used."""

    kernel: KernelVersion
    factor: int
    unused_slots: int
    metadata_bytes: int


@dataclass(frozen=True, slots=True)
class TooSmall:
    """What an area `divisor` times too small leaves of the pool, unused."""

    divisor: int
    slots: int
    unused_pool_bytes: int


def too_large(
    sizing: Sizing, version: KernelVersion, zram_entry_bytes: int, factors: tuple[int, ...] = (2, 8)
) -> list[TooLarge]:
    """What guessing too large costs, on each kernel that changed it and on `version`."""
    design = design_of(sizing.measure.system)
    found = []
    for kernel in sorted({*MILESTONES, version}):
        parts = costs(design, kernel, sizing.measure.page_size, zram_entry_bytes)
        for factor in factors:
            unused = (factor - 1) * sizing.used
            wasted = memory(parts, Load(area=unused, used=0, entries=0))
            found.append(TooLarge(kernel, factor, unused, wasted))
    return found


def too_small(sizing: Sizing, divisors: tuple[int, ...] = (2, 8)) -> list[TooSmall]:
    """What guessing too small costs: RAM that was meant to hold swapped pages and does not."""
    full = sizing.measure.pool_of(sizing.used)
    return [
        TooSmall(divisor, slots, full - sizing.measure.pool_of(slots))
        for divisor, slots in ((divisor, sizing.used // divisor) for divisor in divisors)
    ]


def design_of(system: System) -> Design:
    """What holds the slots of a system today."""
    return Design.ZRAM if is_zram(system) else Design.GHOST


def is_zram(system: System) -> bool:
    """True for zram, as it is or with dedup."""
    return system in (System.ZRAM, System.ZRAM_DEDUP)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a design takes to hold the same memory.

    `empty_bytes` is taken from the start, `metadata_bytes` in use (`empty_bytes` is in it), both
    besides the pool. `swap_total_bytes` is what `free` adds to its total of Swap.
    """

    design: Design
    empty_bytes: int
    metadata_bytes: int
    pool_bytes: int
    disk_bytes: int
    swap_total_bytes: int
    writes_back: str

    @property
    def ram_bytes(self) -> int:
        """All RAM that the swapped-out memory still takes."""
        return self.pool_bytes + self.metadata_bytes


def bills(
    sizing: Sizing,
    zswap: Measure | None,
    zram: Measure | None,
    version: KernelVersion,
    zram_entry_bytes: int,
) -> list[Bill]:
    """The memory that `sizing` uses under every design of whose system there is a measure; an
    area, where one is needed, is of the recommended size, and nothing is written back."""
    held = sizing.measure.memory_of(sizing.used)
    found = []
    for design in Design:
        measure = zram if design is Design.ZRAM else zswap
        if measure is None:
            continue
        parts = costs(design, version, measure.page_size, zram_entry_bytes)
        traits = TRAITS[design]
        area = sizing.recommended_slots if traits.sized else 0
        used = measure.slots_of(held)
        load = Load(area, used, entries=used * measure.entries // measure.slots)
        own = used * measure.metadata_bytes // measure.slots
        found.append(
            Bill(
                design,
                empty_bytes=memory((c for c in parts if c.charge is Charge.AREA), load),
                metadata_bytes=memory(parts, load) + own,
                pool_bytes=measure.pool_of(used),
                disk_bytes=sizing.recommended_bytes if traits.takes_disk else 0,
                swap_total_bytes=area * measure.page_size if traits.counted else 0,
                writes_back=traits.writes_back,
            )
        )
    return found
