"""What else could be done with the same memory: other sizes, and other designs."""

from collections.abc import Mapping
from dataclasses import dataclass

from ghostswap.kernel.slots import MILESTONES, TRAITS, Charge, Design, Load, costs, memory
from ghostswap.kernel.version import KernelVersion
from ghostswap.plan.sizing import Sizing
from ghostswap.systems.footprint import Footprint, System
from ghostswap.systems.table import SYSTEMS, of_design


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
    footprint = sizing.footprint
    design = SYSTEMS[footprint.system].design
    guesses = []
    for kernel in sorted({*MILESTONES, version}):
        parts = costs(design, kernel, footprint.page_size, zram_entry_bytes)
        for factor in factors:
            unused = (factor - 1) * sizing.used
            wasted = memory(parts, Load(area=unused, used=0, entries=0))
            guesses.append(TooLarge(kernel, factor, unused, wasted))
    return guesses


def too_small(sizing: Sizing, divisors: tuple[int, ...] = (2, 8)) -> list[TooSmall]:
    """What guessing too small costs: RAM that was meant to hold swapped pages and does not."""
    full = sizing.footprint.pool_of(sizing.used)
    return [
        TooSmall(divisor, slots, full - sizing.footprint.pool_of(slots))
        for divisor, slots in ((divisor, sizing.used // divisor) for divisor in divisors)
    ]


@dataclass(frozen=True, slots=True)
class DesignCost:
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


def design_costs(
    sizing: Sizing,
    footprints: Mapping[System, Footprint],
    version: KernelVersion,
    zram_entry_bytes: int,
) -> list[DesignCost]:
    """The memory that `sizing` uses under every design of whose system there is a footprint; an
    area, where one is needed, is of the recommended size, and nothing is written back."""
    system = sizing.footprint.system
    held = sizing.footprint.memory_of(sizing.used)
    compared = []
    for design in Design:
        kind = Design.ZRAM if design is Design.ZRAM else Design.GHOST
        footprint = footprints.get(of_design(system, kind))
        if footprint is None:
            continue
        parts = costs(design, version, footprint.page_size, zram_entry_bytes)
        traits = TRAITS[design]
        area = sizing.recommended_slots if traits.sized else 0
        used = footprint.slots_of(held)
        load = Load(area, used, footprint.entries_of(used))
        compared.append(
            DesignCost(
                design,
                empty_bytes=memory((c for c in parts if c.charge is Charge.AREA), load),
                metadata_bytes=memory(parts, load) + footprint.entry_bytes_of(used),
                pool_bytes=footprint.pool_of(used),
                disk_bytes=sizing.recommended_bytes if traits.takes_disk else 0,
                swap_total_bytes=area * footprint.page_size if traits.counted else 0,
                writes_back=traits.writes_back,
            )
        )
    return compared
