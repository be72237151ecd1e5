"""What swapping out and back in takes, where kernels differ or a figure is not what it seems."""

from ghostswap.kernel.version import V6_13, V7_0, KernelVersion


def zswap_refuses_huge_pages(version: KernelVersion) -> bool:
    """True where zswap takes no page that is part of a huge one.

    Before v6.13 zswap_store() (mm/zswap.c) returns at once for a large folio, which no counter
    tells. The kernel hands it whole ones where the area is a non-rotational block device
    (get_swap_pages(), mm/swapfile.c, v6.1 and v6.12: SWP_BLKDEV and cluster_info), and splits them
    for any other.
    """
    return version < V6_13


def default_areas_take_turns(version: KernelVersion) -> bool:
    """True where all areas without a priority of their own have -1, since v7.0; before, -2, -3 and
    so on, each below the one that came before it (mm/swapfile.c)."""
    return version >= V7_0


def memory_for_swapoff(
    used: int, all_used: int | None, pool: int | None, swap_cached: int | None
) -> int:
    """Bytes of memory that swapoff of areas takes in which `used` bytes are used.

    Each page that comes back frees its compressed copy in zswap's `pool` (zswap_load(),
    zswap_invalidate(), v6.1 to v6.18), and one that is in the swap cache still, `swap_cached`
    bytes of all, takes its memory already. Both are told for all areas together, of which
    `all_used` bytes are used: these have their share. None counts as nothing.
    """
    share = used / all_used if all_used else 1.0
    given_back = (pool or 0) + (swap_cached or 0)
    return max(0, used - round(min(share, 1.0) * given_back))
