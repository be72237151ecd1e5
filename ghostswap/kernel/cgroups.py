"""What control groups limit of swapped-out memory, as far as the size of an area depends on it."""

from dataclasses import dataclass
from enum import StrEnum


class LimitFile(StrEnum):
    """Files of version 2 that limit it; each holds for the groups below as well."""

    MEMORY = "memory.max"
    """What is in memory, compressed pages of zswap by their lengths among it:
    obj_cgroup_charge_zswap(), mm/memcontrol.c, 6.1 and 6.12. What is in zram is nobody's."""

    ZSWAP = "memory.zswap.max"
    """The lengths of compressed pages in zswap, not the pool's pages: obj_cgroup_may_zswap(),
    mm/memcontrol.c, since 5.19."""

    SWAP = "memory.swap.max"
    """Swap slots, those of pages in zswap too: __mem_cgroup_try_charge_swap(), mm/memcontrol.c."""


@dataclass(frozen=True, slots=True)
class GroupLimit:
    """The smallest limit of a kind from the root group down to one group: `bytes`, set in `file` of
    the group `group`."""

    file: LimitFile
    bytes: int
    group: str


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What the group `path` is allowed, at most one limit of a kind; none of what is "max" all the
    way up."""

    path: str
    limits: tuple[GroupLimit, ...]
