"""How much memory will be swapped out, and who says so."""

from dataclasses import dataclass
from enum import StrEnum

MGLRU = "mglru"


class DemandSource(StrEnum):
    """Where a demand comes from. COUNTED: all memory that was measured may be swapped; CAPACITY:
    none is known, and the pool may fill."""

    COUNTED = "counted"
    IDLE = "idle"
    GIVEN = "given"
    CAPACITY = "capacity"


@dataclass(frozen=True, slots=True)
class Demand:
    """Memory that will be swapped out: no more than so many bytes.

    Of idle memory, `seconds` tells for how long nothing has used it, and `tracker` who watched:
    that of an estimate of idle pages, or MGLRU, which tells no pages, so that they are taken to
    compress as all pages do.
    """

    bytes: int
    source: DemandSource
    seconds: float | None = None
    tracker: str | None = None


@dataclass(frozen=True, slots=True)
class AskedDemand:
    """Where the memory to swap out comes from; its `bytes` where they are given."""

    source: DemandSource
    bytes: int | None = None
