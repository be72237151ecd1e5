"""One size for machines that nobody will look at: a rule fitted to the hosts of a fleet.

Pure arithmetic; a rule is min(RAM × a, b), as zram-generator takes one for `zram-size`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.plan.sizing import Sizing

PERCENTILES = (5, 50, 95)
FAILING = 0.05  # the share of hosts that a default may fail
_MIB = 1 << 20
_STEPS = 100  # a is a number of hundredths

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HostSizing:
    """What one host of the fleet needs."""

    host: str
    sizing: Sizing

    @property
    def needed_bytes(self) -> int:
        """The area that lets its pool fill: with a smaller one, RAM meant for swap stays unused."""
        return self.sizing.optimistic * self.sizing.footprint.page_size


@dataclass(frozen=True, slots=True)
class Spread:
    """The percentiles 5, 50 and 95 over hosts; each is the figure of a host, not between two."""

    ratios: tuple[float, ...]
    needed_bytes: tuple[int, ...]
    shares_of_ram: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Default:
    """The size min(RAM × `hundredths` / 100, `most_bytes`), and the hosts that it fails, those in
    greatest need first: they need more than it gives."""

    hundredths: int
    most_bytes: int
    failing: tuple[HostSizing, ...]

    @property
    def share_of_ram(self) -> float:
        """a of min(RAM × a, b)."""
        return self.hundredths / _STEPS

    def bytes(self, ram_bytes: int) -> int:
        """The size for a machine with so much RAM."""
        return min(ram_bytes * self.hundredths // _STEPS, self.most_bytes)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What each host needs. `empty` names those with nothing to size by, and `left_out` says of
    which files nothing is known. Of `pages`, all that these hosts have, `left_out_zero_pages` are
    zero pages of dumps that no size is for."""

    hosts: tuple[HostSizing, ...]
    empty: tuple[str, ...]
    left_out: tuple[str, ...]
    pages: int
    left_out_zero_pages: int


def spread(hosts: Sequence[HostSizing]) -> Spread:
    """How hosts differ: in memory over the pool that it takes, and in the area they need."""

    def percentiles(values: Sequence[float]) -> Floats:
        of_hosts: Floats = np.percentile(values, PERCENTILES, method="inverted_cdf")
        return of_hosts

    needed = [host.needed_bytes for host in hosts]
    ram = [host.sizing.limit.ram_bytes for host in hosts]
    ratios = [host.sizing.footprint.ratio or 1.0 for host in hosts]
    return Spread(
        tuple(map(float, percentiles(ratios))),
        tuple(map(int, percentiles(needed))),
        tuple(map(float, percentiles([a / b for a, b in zip(needed, ram, strict=True)]))),
    )


def fit(hosts: Sequence[HostSizing]) -> Default:
    """The default that fails one host in twenty at the most, and gives all others as little beyond
    their need as possible.

    Of each cap that few enough hosts are above, the least share of RAM that few enough others are
    above is tried: no other rule is both smaller and as good.
    """
    needed = np.array([host.needed_bytes for host in hosts], dtype=np.float64)
    ram = np.array([host.sizing.limit.ram_bytes for host in hosts], dtype=np.float64)
    may_fail = int(len(hosts) * FAILING)
    best: tuple[float, int, int] | None = None
    for cap in np.unique(np.sort(needed)[-1 - may_fail :]):
        most = math.ceil(cap / _MIB) * _MIB
        below = needed <= most
        left = may_fail - int(np.count_nonzero(~below))
        shares = np.sort(needed[below] / ram[below])
        # Those hosts with the greatest shares may fail, as many as are left.
        hundredths = math.ceil(shares[-1 - min(left, len(shares) - 1)] * _STEPS)
        given = np.minimum(ram * hundredths / _STEPS, most)
        wasted = float(np.maximum(given - needed, 0).sum())
        if best is None or wasted < best[0]:
            best = wasted, hundredths, most
    assert best is not None
    _, hundredths, most = best
    default = Default(hundredths, most, ())
    failing = [
        host for host in hosts if default.bytes(host.sizing.limit.ram_bytes) < host.needed_bytes
    ]
    failing.sort(key=lambda host: default.bytes(host.sizing.limit.ram_bytes) / host.needed_bytes)
    return Default(hundredths, most, tuple(failing))
