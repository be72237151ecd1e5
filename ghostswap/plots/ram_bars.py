"""How much RAM the pages still take under each system, and how sure that is."""

from dataclasses import dataclass

from ghostswap.report.estimate import Estimate


@dataclass(frozen=True, slots=True)
class RamBar:
    """One system: the parts of its RAM in bytes, and the ends of their sum's interval."""

    name: str
    pool_bytes: int
    metadata_bytes: int
    kept_bytes: int
    saved_share: float
    least_bytes: float
    most_bytes: float

    @property
    def ram_bytes(self) -> int:
        """All that the pages still take."""
        return self.pool_bytes + self.metadata_bytes + self.kept_bytes


def ram_bars(estimate: Estimate) -> list[RamBar]:
    """A bar a system, in the order of the report; not those that are there to check others."""
    bars = []
    for system in estimate.shown():
        error = system.relative_error
        bars.append(
            RamBar(
                f"{system.system} {system.algorithm or ''}".rstrip(),
                system.pool_bytes,
                system.metadata_bytes,
                system.kept_bytes,
                system.saved_bytes / system.total_bytes if system.total_bytes else 0.0,
                system.ram_bytes - min(error, 1.0) * system.pool_bytes,
                system.ram_bytes + error * system.pool_bytes,
            )
        )
    return bars
