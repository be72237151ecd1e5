"""How much swap can really be stored: `free` counts slots, but compressed ones need RAM."""

from ghostswap.host.snapshot import Host
from ghostswap.host.swaps import Medium
from ghostswap.host.zram import Zram
from ghostswap.kernel.swapping import memory_for_swapoff


def storable_swap(host: Host) -> int | None:
    """Bytes of swap that all areas together can hold at the ratios measured now.

    None while a compressed area has stored nothing, so that no ratio is known.
    """
    disks = sum(area.size for area in host.swaps if area.medium is Medium.DISK)
    ghosts, devices = ghost_bytes(host), zram_swap(host)
    total = disks
    if ghosts:
        room = ghost_room(host, host.zswap.ratio if host.zswap else None)
        if room is None:
            return None
        total += min(ghosts, room)
    for device in devices:
        room = zram_room(host, device, device.ratio)
        if room is None:
            return None
        total += min(device.disksize or 0, room)
    return total


def ghost_bytes(host: Host) -> int:
    """Bytes that the ghost areas offer together."""
    return sum(area.size for area in host.swaps if area.medium is Medium.GHOST)


def ghost_room(host: Host, ratio: float | None) -> int | None:
    """Bytes of pages that zswap's pool takes at `ratio`; None where either is unknown."""
    limit = host.zswap.limit if host.zswap else None
    return None if limit is None or ratio is None else int(limit * ratio)


def swapoff_needs(host: Host) -> int | None:
    """Bytes of RAM that swapoff of all areas takes on balance; None where that is not told.

    What is swapped out comes back, except what is in the swap cache and so in RAM already; and each
    page gives back its compressed copy, in zram too: zram_slot_free_notify(), 6.1 to 6.18.
    """
    memory = host.memory
    if memory.swap_used is None:
        return None
    pool = (host.zswap.pool if host.zswap else None) or 0
    stats = (device.mm_stat for device in zram_swap(host))
    freed = pool + sum(stat.mem_used_total for stat in stats if stat)
    return memory_for_swapoff(memory.swap_used, memory.swap_used, freed, memory.swap_cached)


def zram_swap(host: Host) -> tuple[Zram, ...]:
    """The zram devices that are swap areas."""
    areas = (area for area in host.swaps if area.medium is Medium.ZRAM)
    names = {area.path.rpartition(b"/")[2].decode() for area in areas}
    return tuple(device for device in host.zram if device.name in names)


def zram_room(host: Host, device: Zram, ratio: float | None) -> int | None:
    """Bytes of pages that fit in the RAM `device` may take, at `ratio`; None where unknown."""
    total = host.memory.mem_total
    if total is None or ratio is None:
        return None
    limit = device.mm_stat.mem_limit if device.mm_stat else 0
    return int(min(limit or total, total) * ratio)
