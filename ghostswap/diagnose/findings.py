"""What about this host deserves a word: pure functions over one snapshot of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from ghostswap.diagnose.capacity import ghost_bytes, ghost_room, swapoff_needs, zram_room
from ghostswap.host.files import as_text
from ghostswap.host.snapshot import Host
from ghostswap.host.swaps import Medium, SwapArea
from ghostswap.kernel.slots import Design, Load, costs, memory
from ghostswap.kernel.swapping import default_areas_take_turns, zswap_refuses_huge_pages
from ghostswap.units import format_size

_NEARLY_FULL = 0.9
_HOPEFUL_RATIO = 4.0  # compression that few loads reach: asked for where none was measured yet
_MUCH_INCOMPRESSIBLE = 0.25
_MOST_NAMES = 4  # in one message
_MUCH_CACHED = 0.1  # of what is swapped out
_MUCH_METADATA = 0.01  # of all RAM


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"  # worth knowing
    WARNING = "warning"  # costs memory or time, or will surprise
    ERROR = "error"  # does not do what it is there for


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: a code that scripts can rely on, and what it means and asks for."""

    severity: Severity
    code: str
    message: str


Rule = Callable[[Host], Iterator[Finding]]

SEVERITY = {
    "zswap-without-swap": Severity.ERROR,
    "no-swap": Severity.INFO,
    "ghost-without-zswap": Severity.ERROR,
    "only-ghost": Severity.INFO,
    "ghost-larger-than-zswap": Severity.WARNING,
    "ghost-metadata": Severity.WARNING,
    "zswap-over-zram": Severity.WARNING,
    "zswap-pool-near-limit": Severity.WARNING,
    "zswap-rejects": Severity.INFO,
    "zswap-decompress-fail": Severity.ERROR,
    "zswap-huge-pages": Severity.WARNING,
    "zswap-max-reached": Severity.WARNING,
    "ghost-writeback": Severity.INFO,
    "ghost-readahead": Severity.INFO,
    "swap-cached": Severity.INFO,
    "zram-larger-than-memory": Severity.WARNING,
    "zram-incompressible": Severity.INFO,
    "zram-failed-writes": Severity.WARNING,
    "compressed-after-disk": Severity.WARNING,
    "unlike-equal-priority": Severity.WARNING,
    "swapoff-does-not-fit": Severity.WARNING,
    "swapoff-fits": Severity.INFO,
    "swap-file-permissions": Severity.WARNING,
    "swap-file-deleted": Severity.WARNING,
    "ksm-profit-negative": Severity.WARNING,
    "ghost-interface": Severity.INFO,
    "no-ghost-interface": Severity.INFO,
    "not-all-read": Severity.WARNING,
}
"""Every finding there is, by its code; docs/host.md says what to do about each."""


def findings(host: Host) -> tuple[Finding, ...]:
    """Everything that the rules say of `host`, gravest first."""
    due = [finding for rule in RULES for finding in rule(host)]
    gravity = list(reversed(Severity))
    return tuple(sorted(due, key=lambda finding: gravity.index(finding.severity)))


def no_swap_area(host: Host) -> Iterator[Finding]:
    """Without a swap area nothing is swapped out, compressed or not."""
    if host.swaps:
        return
    if _zswap_on(host):
        yield _finding(
            "zswap-without-swap",
            "zswap is on, but no swap area is: zswap keeps only pages that have a slot in one, so"
            " it stays empty. Add a swap area.",
        )
    else:
        yield _finding("no-swap", "No swap area is on: nothing can be swapped out.")


def ghost_while_zswap_is_off(host: Host) -> Iterator[Finding]:
    """A ghost area has no storage: without zswap its slots take nothing."""
    if host.zswap and not host.zswap.parameters.enabled and _areas(host, Medium.GHOST):
        yield _finding(
            "ghost-without-zswap",
            "A ghost area is on, but zswap is off: no page can be stored in it. Turn zswap on"
            " (echo Y > /sys/module/zswap/parameters/enabled).",
        )


def only_ghost_areas(host: Host) -> Iterator[Finding]:
    """zswap writes back to a swap area with storage, and there is none; a slot in a ghost is taken
    by priority, whether zswap has room or not (swap_alloc_slow(), mm/swapfile.c, v6.18)."""
    if host.swaps and all(area.medium is Medium.GHOST for area in host.swaps):
        yield _finding(
            "only-ghost",
            "All swap areas are ghosts: once zswap's pool is full, further pages stay in RAM. An"
            " area with storage at a lower priority would not take them; raise max_pool_percent if"
            " there is RAM for it.",
        )


def ghost_larger_than_zswap(host: Host) -> Iterator[Finding]:
    """`free` counts all ghost slots, but zswap's limit decides how many can be filled."""
    ghost, measured = ghost_bytes(host), host.zswap.ratio if host.zswap else None
    room = ghost_room(host, measured or _HOPEFUL_RATIO)
    if room is not None and ghost > room:
        yield _finding(
            "ghost-larger-than-zswap",
            f"SwapTotal counts {format_size(ghost)} of ghost swap, but zswap's pool holds only"
            f" {format_size(room)} {_at(measured)}. Make the ghost smaller, or raise"
            " max_pool_percent.",
        )


def ghost_costs_memory_while_empty(host: Host) -> Iterator[Finding]:
    """The kernel keeps a few bytes for every slot from swapon on, whether it is used or not."""
    slots, total = ghost_bytes(host) // host.page_size, host.memory.mem_total
    if not slots or not total or host.kernel is None:
        return
    tables = costs(Design.GHOST, host.kernel, host.page_size)
    taken = memory(tables, Load(area=slots, used=0, entries=0))
    if taken >= total * _MUCH_METADATA:
        yield _finding(
            "ghost-metadata",
            f"The slots of {format_size(ghost_bytes(host))} of ghost swap take about"
            f" {format_size(taken)} of RAM ({taken / total:.0%}) even while empty. A smaller ghost"
            " takes less: `ghostswap plan` says how large it needs to be.",
        )


def zswap_over_zram(host: Host) -> Iterator[Finding]:
    """Pages that zswap writes back to zram are decompressed and compressed again."""
    devices = _areas(host, Medium.ZRAM)
    if devices and _zswap_on(host):
        yield _finding(
            "zswap-over-zram",
            f"zswap is on and {_names(devices)} is zram: pages are compressed twice, and kept in"
            " RAM either way. Turn zswap off (echo N > /sys/module/zswap/parameters/enabled), or"
            " swap to something else than zram.",
        )


def zswap_pool_near_its_limit(host: Host) -> Iterator[Finding]:
    """At the limit zswap writes back its oldest pages and refuses new ones, until the pool is at
    accept_threshold_percent of the limit (zswap_check_limits(), mm/zswap.c, since 5.6)."""
    zswap = host.zswap
    if zswap and zswap.filled is not None and zswap.filled >= _NEARLY_FULL and _zswap_on(host):
        accept = zswap.parameters.accept_threshold_percent
        yield _finding(
            "zswap-pool-near-limit",
            f"zswap's pool is at {zswap.filled:.0%} of its limit, max_pool_percent ="
            f" {zswap.parameters.max_pool_percent} % of RAM: at the limit pages bypass it"
            + ("" if accept is None else f", all of them until the pool is down to {accept} %")
            + ". Raise max_pool_percent, or choose a compressor that compresses more.",
        )


def zswap_refused_pages(host: Host) -> Iterator[Finding]:
    """Pages that zswap did not take went to the swap area, or stayed in RAM."""
    counters = host.zswap.counters if host.zswap else None
    refused = {
        name: count
        for name, count in (counters or {}).items()
        if count and (name.startswith("reject_") or name == "pool_limit_hit")
    }
    if refused:
        counts = ", ".join(f"{name} {count}" for name, count in refused.items())
        yield _finding("zswap-rejects", f"zswap has refused pages since boot: {counts}.")


def zswap_failed_to_decompress(host: Host) -> Iterator[Finding]:
    """A stored page that cannot be read back is lost (decompress_fail in debugfs)."""
    failed = (host.zswap.counters or {}).get("decompress_fail") if host.zswap else None
    if failed:
        yield _finding(
            "zswap-decompress-fail",
            f"zswap could not decompress {failed} pages: their contents are lost. Suspect bad RAM.",
        )


def zswap_takes_no_huge_pages(host: Host) -> Iterator[Finding]:
    """An old zswap refuses huge pages, which an area that is no rotational device is given whole;
    no counter tells."""
    if host.kernel is None or not zswap_refuses_huge_pages(host.kernel) or not _zswap_on(host):
        return
    whole = [
        area
        for area in host.swaps
        if area.type == "partition" and area.medium is not Medium.ZRAM and area.rotational is False
    ]
    ghosts = [area for area in whole if area.medium is Medium.GHOST]
    written = host.swapping.huge_pages_written or 0
    if ghosts and host.swapping.huge_pages is not False:
        yield _finding(
            "zswap-huge-pages",
            f"Linux {host.kernel}'s zswap takes no huge page, and {_names(ghosts)} is given whole"
            f" ones: they stay in RAM ({written} of them were written to swap areas since boot)."
            " Switch it off and on with `ghostswap on`, which has them split.",
        )
    elif whole and written:
        yield _finding(
            "zswap-huge-pages",
            f"Linux {host.kernel}'s zswap takes no huge page: {written} of them went to"
            f" {_names(whole)} uncompressed since boot.",
        )


def zswap_limit_of_a_group_reached(host: Host) -> Iterator[Finding]:
    """At memory.zswap.max zswap_store() refuses a group's pages, and no counter tells."""
    full = [
        group
        for group in host.cgroups or ()
        if group.zswap_max is not None
        and group.zswap >= group.zswap_max * _NEARLY_FULL
        and (group.zswap or group.swap)
    ]
    if full:
        names = _listed([as_text(group.path) for group in full])
        yield _finding(
            "zswap-max-reached",
            f"At or near memory.zswap.max, where zswap takes no more pages of a group (no counter"
            f" tells): {names}.",
        )


def zswap_tries_to_write_to_a_ghost(host: Host) -> Iterator[Finding]:
    """A full pool starts shrink_worker(), whatever shrinker_enabled says: an entry is decompressed,
    written and freed, and a device-mapper ghost fails the write."""
    if (
        host.swaps
        and all(_mapped_ghost(area) for area in host.swaps)
        and _zswap_on(host)
        and host.swapping.writeback
    ):
        yield _finding(
            "ghost-writeback",
            "Once its pool is full, zswap tries to write pages back to the ghost, in vain and for"
            " the price of decompressing them. `ghostswap on --no-writeback` keeps it from that on"
            " the whole host; since Linux 6.18 it then refuses what does not compress.",
        )


def read_ahead_from_a_ghost(host: Host) -> Iterator[Finding]:
    """swap_cluster_readahead() and swap_vma_readahead() (mm/swap_state.c) read so many pages for a
    fault; from zswap each has to be decompressed. zram, being synchronous, is spared."""
    cluster = host.swapping.page_cluster
    if cluster and _areas(host, Medium.GHOST):
        yield _finding(
            "ghost-readahead",
            f"vm.page-cluster is {cluster}: a fault may bring back up to {1 << min(cluster, 62)}"
            " pages out of zswap, each to be decompressed; fewer where that was of no use before. 0"
            " turns it off.",
        )


def swapped_pages_still_in_memory(host: Host) -> Iterator[Finding]:
    """A page in the swap cache counts as swapped (VmSwap, `free`), and takes RAM all the same."""
    used, cached = host.memory.swap_used, host.memory.swap_cached
    if used and cached and cached >= used * _MUCH_CACHED:
        yield _finding(
            "swap-cached",
            f"Of {format_size(used)} that counts as swapped out, {format_size(cached)} is in RAM as"
            " well (SwapCached): pages that zswap or the area refused, or that were read back."
            " `free` and VmSwap do not show it.",
        )


def zram_larger_than_memory(host: Host) -> Iterator[Finding]:
    """A zram device that is worth less than its size says, since RAM or mem_limit ends first."""
    for device in host.zram:
        room = zram_room(host, device, device.ratio or _HOPEFUL_RATIO)
        if room is not None and device.disksize and device.disksize > room:
            yield _finding(
                "zram-larger-than-memory",
                f"{device.name} counts {format_size(device.disksize)}, but the RAM it may take"
                f" holds only {format_size(room)} {_at(device.ratio)}: writes fail before it is"
                " full. Make it smaller.",
            )


def zram_holds_incompressible_pages(host: Host) -> Iterator[Finding]:
    """Huge pages (mm_stat) are those that zram stores as they are: no memory is saved."""
    for device in host.zram:
        stat = device.mm_stat
        if not stat or not stat.huge_pages or not device.kept:
            continue
        part = stat.huge_pages * host.page_size / device.kept
        if part >= _MUCH_INCOMPRESSIBLE:
            yield _finding(
                "zram-incompressible",
                f"{part:.0%} of what {device.name} holds did not compress and takes its full size."
                " A backing device would take it (writeback of huge pages).",
            )


def zram_writes_failed(host: Host) -> Iterator[Finding]:
    """A page that zram could not store, mostly for lack of memory."""
    for device in host.zram:
        if device.io_stat and device.io_stat.failed_writes:
            yield _finding(
                "zram-failed-writes",
                f"{device.name} has refused {device.io_stat.failed_writes} writes: it reached its"
                " mem_limit, or memory ran out.",
            )


def compressed_tier_behind_disk(host: Host) -> Iterator[Finding]:
    """The kernel fills the highest priority first: zram or a ghost below a disk stays unused."""
    disks = _areas(host, Medium.DISK)
    late = [
        area
        for area in host.swaps
        if area.medium is not Medium.DISK and any(disk.priority > area.priority for disk in disks)
    ]
    if late:
        yield _finding(
            "compressed-after-disk",
            f"{_names(late)} has a lower priority than {_names(disks)}, so the disk is filled"
            " first. Give compressed swap the highest priority (swapon --priority).",
        )


def unlike_areas_of_equal_priority(host: Host) -> Iterator[Finding]:
    """Areas of one priority take turns, so the fast one waits for the slow one."""
    by_priority = sorted(host.swaps, key=lambda area: area.priority)
    for priority, group in groupby(by_priority, key=lambda area: area.priority):
        areas = list(group)
        if len({area.medium for area in areas}) > 1:
            default = (
                priority == -1 and host.kernel is not None and default_areas_take_turns(host.kernel)
            )
            why = " (the default of every area since Linux 7.0)" if default else ""
            yield _finding(
                "unlike-equal-priority",
                f"{_names(areas)} share priority {priority}{why} and are filled in turn, though"
                " they are unlike. Give the faster one the higher priority (swapon --priority).",
            )


def swapoff_needs_memory(host: Host) -> Iterator[Finding]:
    """swapoff brings everything back into RAM, and frees what held it compressed."""
    used, free, needed = host.memory.swap_used, host.memory.mem_available, swapoff_needs(host)
    if not used or free is None or needed is None:
        return
    needs = (
        f"swapoff of all areas needs {format_size(needed)} of RAM on balance ({format_size(used)}"
        f" is swapped out); {format_size(free)} is free"
    )
    if needed > free:
        yield _finding(
            "swapoff-does-not-fit", f"{needs}: it would fail, or the OOM killer would act."
        )
    else:
        yield _finding("swapoff-fits", f"{needs}.")


def swap_file_is_open_to_others(host: Host) -> Iterator[Finding]:
    """Who can read a swap file reads the memory of every process."""
    for area in host.swaps:
        access = area.access
        if access and access.unsafe:
            yield _finding(
                "swap-file-permissions",
                f"{as_text(area.path)} has mode {access.mode:04o} and owner {access.uid}: others"
                " can read or write swapped memory. Mend it with chown 0:0 and chmod 0600.",
            )


def swap_file_is_deleted(host: Host) -> Iterator[Finding]:
    """swapoff(8) finds an area by its path, which a deleted file has no more."""
    for area in host.swaps:
        if area.deleted:
            yield _finding(
                "swap-file-deleted",
                f"{as_text(area.path)} has been deleted or its file system unmounted: swapoff"
                " cannot name it any more, and its space is taken until the next boot.",
            )


def ksm_costs_more_than_it_saves(host: Host) -> Iterator[Finding]:
    """KSM's own data structures outweigh the pages that it merged."""
    if host.ksm and host.ksm.profit < 0:
        yield _finding(
            "ksm-profit-negative",
            f"KSM takes {format_size(-host.ksm.profit)} more than it saves. Let fewer processes"
            " take part, or stop it (echo 2 > /sys/kernel/mm/ksm/run).",
        )


def ways_to_swap_without_storage(host: Host) -> Iterator[Finding]:
    """Which of the proposed interfaces are there; no released kernel has one."""
    there = host.interfaces
    shown = {
        "one-page ghost files": there.one_page_file,
        "/dev/ghostswap": there.ghostswap_device,
        "xswap (/sys/kernel/mm/xswap)": there.xswap,
        "virtual swap": there.virtual_swap,
    }
    known = [name for name, present in shown.items() if present]
    if known:
        yield _finding("ghost-interface", f"This kernel has {' and '.join(known)}.")
    else:
        takes_files = (
            "It refuses a one-page ghost file, as stock kernels do; `ghostswap on` works all the"
            " same."
            if there.one_page_file is False
            else "Whether it takes a one-page ghost file cannot be seen, only tried: a stock kernel"
            " refuses it."
        )
        yield _finding(
            "no-ghost-interface",
            f"This kernel shows no interface for ghost swap of its own. {takes_files}",
        )


def not_all_was_read(host: Host) -> Iterator[Finding]:
    """A capture may hold more than any Linux has; reading it has to end."""
    if host.left_out:
        yield _finding("not-all-read", f"Not read: {'; '.join(host.left_out)}.")


RULES: tuple[Rule, ...] = (
    not_all_was_read,
    no_swap_area,
    ghost_while_zswap_is_off,
    only_ghost_areas,
    ghost_larger_than_zswap,
    ghost_costs_memory_while_empty,
    zswap_over_zram,
    zswap_pool_near_its_limit,
    zswap_refused_pages,
    zswap_failed_to_decompress,
    zswap_takes_no_huge_pages,
    zswap_limit_of_a_group_reached,
    zswap_tries_to_write_to_a_ghost,
    read_ahead_from_a_ghost,
    swapped_pages_still_in_memory,
    zram_larger_than_memory,
    zram_holds_incompressible_pages,
    zram_writes_failed,
    compressed_tier_behind_disk,
    unlike_areas_of_equal_priority,
    swapoff_needs_memory,
    swap_file_is_open_to_others,
    swap_file_is_deleted,
    ksm_costs_more_than_it_saves,
    ways_to_swap_without_storage,
)


def _finding(code: str, message: str) -> Finding:
    return Finding(SEVERITY[code], code, message)


def _zswap_on(host: Host) -> bool:
    return bool(host.zswap and host.zswap.parameters.enabled)


def _areas(host: Host, medium: Medium) -> list[SwapArea]:
    return [area for area in host.swaps if area.medium is medium]


def _at(measured: float | None) -> str:
    if measured is None:
        return f"even at a ratio of {_HOPEFUL_RATIO:.1f}"
    return f"at the present ratio of {measured:.1f}"


def _names(areas: Iterable[SwapArea]) -> str:
    return _listed([as_text(area.path) for area in areas])


def _mapped_ghost(area: SwapArea) -> bool:
    """True for the device-mapper way: a kernel that knows ghosts writes nothing to them."""
    return area.medium is Medium.GHOST and area.type == "partition"


def _listed(names: list[str]) -> str:
    if len(names) > _MOST_NAMES:
        names[_MOST_NAMES:] = [f"{len(names) - _MOST_NAMES} more"]
    return " and ".join(names)
