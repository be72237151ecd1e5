"""How much RAM a swap area saves, by its size: until the pool is full, and beyond."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.kernel.slots import Cost, Load, memory
from ghostswap.plan.answer import Plan
from ghostswap.plan.sizing import MAXIMUM_SLOTS, Sizing

_POINTS = 240
_BEYOND = 2.0  # how many times the recommended size is shown


@dataclass(frozen=True, slots=True)
class SavingCurve:
    """RAM saved in bytes by an area of `area` bytes that is full, if pages compress as measured,
    and as at the pessimistic and the optimistic end: memory held, less pool and metadata."""

    area: NDArray[np.float64]
    pessimistic: NDArray[np.float64]
    expected: NDArray[np.float64]
    optimistic: NDArray[np.float64]


def saving_curve(plan: Plan) -> SavingCurve:
    """The saving of areas from nothing to twice the recommended size."""
    sizing = plan.sizing
    most = min(int(sizing.recommended_slots * _BEYOND), MAXIMUM_SLOTS)
    corners = (sizing.pessimistic, sizing.expected, sizing.optimistic, sizing.used)
    even = np.linspace(0, most, _POINTS).astype(np.int64)
    slots = np.unique(np.minimum(np.append(even, corners), most))
    worse = 1 + sizing.error
    better = (1 - sizing.error) * (1 - sizing.footprint.slack)

    def curve(capacity: int, growth: float) -> NDArray[np.float64]:
        saved = (_saved(sizing, plan.slot_costs, each, capacity, growth) for each in slots.tolist())
        return np.fromiter(saved, dtype=np.float64, count=len(slots))

    return SavingCurve(
        slots * float(sizing.footprint.page_size),
        curve(sizing.pessimistic, worse),
        curve(sizing.expected, 1.0),
        curve(sizing.optimistic, better),
    )


def _saved(
    sizing: Sizing, costs: tuple[Cost, ...], area: int, capacity: int, growth: float
) -> float:
    """RAM saved by an area of so many slots when pages take `growth` times the pool measured."""
    footprint = sizing.footprint
    demand = sizing.demand_bytes
    taken = None if demand is None else footprint.slots_of(footprint.taken_of(demand))
    used = min(area, capacity, MAXIMUM_SLOTS if taken is None else taken)
    load = Load(area, used, footprint.entries_of(used))
    metadata = memory(costs, load) + footprint.entry_bytes_of(used)
    return footprint.memory_of(used) - footprint.pool_of(used) * growth - metadata
