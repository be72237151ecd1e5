"""What `inspect` remarks about a host: each finding when it is due, and not otherwise."""

from dataclasses import replace

import pytest

from ghostswap.diagnose.findings import Severity, findings
from ghostswap.host.cgroups import Cgroup
from ghostswap.host.interfaces import Interfaces
from ghostswap.host.ksm import Ksm
from ghostswap.host.snapshot import Host
from ghostswap.host.swapping import Swapping
from ghostswap.host.swaps import Access, Medium, SwapArea
from ghostswap.host.zram import BdStat
from ghostswap.kernel.version import KernelVersion
from tests.hosts import GIB, MIB, PLAIN, area, zram, zswap

GHOST = area(b"/swap/ghost", Medium.GHOST)
DISK = area(b"/dev/sda2")
ZRAM = area(b"/dev/zram0", Medium.ZRAM, priority=100)


def codes(host: Host) -> set[str]:
    return {finding.code for finding in findings(host)}


def test_zswap_without_any_swap_area_is_an_error() -> None:
    host = replace(PLAIN, zswap=zswap(enabled=True))
    assert findings(host)[0].severity is Severity.ERROR
    assert "zswap-without-swap" in codes(host)
    assert "no-swap" in codes(replace(PLAIN, zswap=zswap(enabled=False)))


def test_a_ghost_needs_zswap() -> None:
    off = replace(PLAIN, swaps=(GHOST,), zswap=zswap(enabled=False))
    assert "ghost-without-zswap" in codes(off)
    assert "ghost-without-zswap" not in codes(replace(off, zswap=zswap()))
    assert "ghost-without-zswap" not in codes(replace(off, swaps=(DISK,)))


def test_with_only_ghosts_zswap_never_writes_back() -> None:
    assert "only-ghost" in codes(replace(PLAIN, swaps=(GHOST,), zswap=zswap()))
    assert "only-ghost" not in codes(replace(PLAIN, swaps=(GHOST, DISK), zswap=zswap()))


def test_a_ghost_larger_than_zswap_can_fill_is_told_with_both_sizes() -> None:
    ghost = replace(GHOST, size=64 * GIB)
    host = replace(PLAIN, swaps=(ghost,), zswap=zswap(pool=100 * MIB, stored=300 * MIB))
    (finding,) = (each for each in findings(host) if each.code == "ghost-larger-than-zswap")
    assert "64 GiB" in finding.message
    assert "3 GiB" in finding.message  # a limit of 1 GiB at the measured ratio of 3


def test_a_ghost_that_fits_at_a_usual_ratio_is_no_finding_before_anything_is_stored() -> None:
    host = replace(PLAIN, swaps=(replace(GHOST, size=3 * GIB),), zswap=zswap())
    assert "ghost-larger-than-zswap" not in codes(host)


def test_a_huge_ghost_costs_memory_while_empty() -> None:
    huge = replace(PLAIN, swaps=(replace(GHOST, size=1024 * GIB),), zswap=zswap())
    (finding,) = (each for each in findings(huge) if each.code == "ghost-metadata")
    assert "816" in finding.message  # MiB for 1 TiB of slots on 6.18, of 8 GiB
    assert "10%" in finding.message
    small = replace(huge, swaps=(replace(GHOST, size=16 * GIB),))
    assert "ghost-metadata" not in codes(small)


def test_zswap_over_zram_compresses_twice() -> None:
    host = replace(PLAIN, swaps=(ZRAM,), zswap=zswap())
    assert "zswap-over-zram" in codes(host)
    assert "zswap-over-zram" not in codes(replace(host, zswap=zswap(enabled=False)))
    assert "zswap-over-zram" not in codes(replace(host, swaps=(DISK,)))


def test_a_pool_near_its_limit_is_told_in_percent() -> None:
    host = replace(PLAIN, swaps=(DISK,), zswap=zswap(pool=973 * MIB, stored=2 * GIB))
    (finding,) = (each for each in findings(host) if each.code == "zswap-pool-near-limit")
    assert "95%" in finding.message
    assert "all of them until the pool is down to 90 %" in finding.message
    half = replace(host, zswap=zswap(pool=512 * MIB, stored=2 * GIB))
    assert "zswap-pool-near-limit" not in codes(half)


def test_pages_that_zswap_refused_are_counted_by_reason() -> None:
    host = replace(PLAIN, zswap=zswap(reject_compress_poor=7, reject_alloc_fail=0, stored_pages=3))
    (finding,) = (each for each in findings(host) if each.code == "zswap-rejects")
    assert "reject_compress_poor 7" in finding.message
    assert "reject_alloc_fail" not in finding.message


def test_lost_pages_are_an_error() -> None:
    host = replace(PLAIN, zswap=zswap(decompress_fail=1))
    assert "zswap-decompress-fail" in codes(host)
    assert "zswap-decompress-fail" not in codes(replace(PLAIN, zswap=zswap(decompress_fail=0)))


def test_zram_that_memory_cannot_fill() -> None:
    full = zram(disksize=32 * GIB, stored=2 * GIB, used=GIB)
    assert "zram-larger-than-memory" in codes(replace(PLAIN, zram=(full,)))
    fits = replace(full, disksize=8 * GIB)
    assert "zram-larger-than-memory" not in codes(replace(PLAIN, zram=(fits,)))


def test_zram_full_of_incompressible_pages() -> None:
    half = zram(disksize=GIB, stored=2 * MIB, used=2 * MIB, huge_pages=256)
    assert "zram-incompressible" in codes(replace(PLAIN, zram=(half,)))
    few = zram(disksize=GIB, stored=2 * MIB, used=MIB, huge_pages=2)
    assert "zram-incompressible" not in codes(replace(PLAIN, zram=(few,)))


def test_zram_that_refused_writes() -> None:
    assert "zram-failed-writes" in codes(
        replace(PLAIN, zram=(zram(disksize=GIB, failed_writes=3),))
    )
    assert "zram-failed-writes" not in codes(replace(PLAIN, zram=(zram(disksize=GIB),)))


def test_compressed_swap_belongs_before_the_disk() -> None:
    late = replace(PLAIN, swaps=(replace(ZRAM, priority=-3), DISK))
    assert "compressed-after-disk" in codes(late)
    assert "compressed-after-disk" not in codes(replace(PLAIN, swaps=(ZRAM, DISK)))


def test_unlike_areas_should_not_take_turns() -> None:
    even = replace(PLAIN, swaps=(replace(ZRAM, priority=5), replace(DISK, priority=5)))
    assert "unlike-equal-priority" in codes(even)
    striped = replace(PLAIN, swaps=(DISK, area(b"/dev/sdb2")))
    assert "unlike-equal-priority" not in codes(striped)


MAPPED = replace(GHOST, name=b"/dev/dm-0", rotational=False)


@pytest.mark.parametrize(
    ("kernel", "swap", "huge", "written", "due"),
    [
        ((6, 12), MAPPED, True, 0, True),
        ((6, 12), MAPPED, None, 0, True),
        ((6, 1), MAPPED, True, 32, True),
        ((6, 13), MAPPED, True, 32, False),
        ((6, 12), MAPPED, False, 0, False),
        ((6, 12), replace(MAPPED, rotational=True), True, 32, False),
        ((6, 12), replace(DISK, rotational=False), True, 32, True),
        ((6, 12), replace(DISK, rotational=False), True, 0, False),
        ((6, 12), replace(DISK, rotational=True), True, 32, False),
        ((6, 12), replace(DISK, type="file"), True, 32, False),
        ((6, 12), replace(ZRAM, rotational=False), True, 32, False),
    ],
)
def test_huge_pages_that_zswap_does_not_take(
    kernel: tuple[int, int], swap: SwapArea, huge: bool | None, written: int, due: bool
) -> None:
    host = replace(
        PLAIN,
        kernel=KernelVersion(*kernel),
        swaps=(swap,),
        zswap=zswap(),
        swapping=Swapping(0, huge, written, None),
    )
    assert ("zswap-huge-pages" in codes(host)) is due
    assert "zswap-huge-pages" not in codes(replace(host, zswap=zswap(enabled=False)))


@pytest.mark.parametrize(
    ("taken", "limit", "swap", "due"),
    [
        (95 * MIB, 100 * MIB, 0, True),
        (100 * MIB, 100 * MIB, 0, True),
        (50 * MIB, 100 * MIB, GIB, False),
        (50 * MIB, None, GIB, False),
        (0, 0, 0, False),
        (0, 0, GIB, True),
    ],
)
def test_a_group_at_its_limit_of_zswap_is_named(
    taken: int, limit: int | None, swap: int, due: bool
) -> None:
    group = Cgroup(b"/a.slice", taken, None, None, limit, True, swap, None)
    messages = [
        finding.message
        for finding in findings(replace(PLAIN, cgroups=(group,)))
        if finding.code == "zswap-max-reached"
    ]
    assert [("/a.slice" in message) for message in messages] == [True] * due


def test_a_mapped_ghost_is_written_to_in_vain_unless_writeback_is_off() -> None:
    host = replace(PLAIN, swaps=(MAPPED,), zswap=zswap(), swapping=Swapping(0, None, None, True))
    assert "ghost-writeback" in codes(host)
    off = replace(host, swapping=Swapping(0, None, None, False))
    assert "ghost-writeback" not in codes(off)
    assert "ghost-writeback" not in codes(replace(host, swaps=(MAPPED, DISK)))
    assert "ghost-writeback" not in codes(replace(host, swaps=(replace(GHOST, type="ghost"),)))


def test_read_ahead_from_a_ghost_is_told_in_pages() -> None:
    ahead = replace(PLAIN, swaps=(GHOST,), swapping=Swapping(3, None, None, None))
    (finding,) = (each for each in findings(ahead) if each.code == "ghost-readahead")
    assert "8 pages" in finding.message
    none = replace(ahead, swapping=Swapping(0, None, None, None))
    assert "ghost-readahead" not in codes(none)
    assert "ghost-readahead" not in codes(replace(ahead, swaps=(ZRAM, DISK)))


def test_pages_that_count_as_swapped_and_are_in_memory_are_told() -> None:
    """As in a guest of 6.12: VmSwap 96 MiB, of which zswap holds 45 and refused the others."""
    memory = replace(PLAIN.memory, swap_total=GIB, swap_free=GIB - 96 * MIB, swap_cached=51 * MIB)
    host = replace(PLAIN, swaps=(GHOST,), memory=memory)
    (finding,) = (each for each in findings(host) if each.code == "swap-cached")
    assert "96 MiB" in finding.message
    assert "51 MiB" in finding.message
    few = replace(host, memory=replace(memory, swap_cached=9 * MIB))
    assert "swap-cached" not in codes(few)


def test_swapoff_needs_what_is_swapped_out_less_what_it_frees() -> None:
    memory = replace(
        PLAIN.memory,
        mem_available=4 * GIB,
        swap_total=8 * GIB,
        swap_free=2 * GIB,
        swap_cached=GIB // 2,
    )
    host = replace(PLAIN, swaps=(GHOST,), zswap=zswap(pool=GIB, stored=5 * GIB), memory=memory)
    assert "swapoff-does-not-fit" in codes(host)  # 6 - 1 - 0.5 = 4.5 GiB
    fits = replace(host, memory=replace(memory, swap_cached=GIB + GIB // 2))
    (finding,) = (each for each in findings(fits) if each.code == "swapoff-fits")
    assert "needs 3.5 GiB" in finding.message
    assert "(6 GiB is swapped out)" in finding.message
    device = zram(disksize=8 * GIB, stored=4 * GIB, used=2 * GIB)
    on_zram = replace(host, swaps=(ZRAM,), zram=(device,), zswap=None)
    assert "swapoff-fits" in codes(on_zram)  # 6 - 2 - 0.5 = 3.5 GiB
    unused = replace(on_zram, zram=(replace(device, name="zram1"),))
    assert "swapoff-does-not-fit" in codes(unused)


def test_default_priorities_are_alike_since_7_0() -> None:
    host = replace(
        PLAIN,
        kernel=KernelVersion(7, 0),
        swaps=(replace(GHOST, priority=-1), replace(DISK, priority=-1)),
    )
    (finding,) = (each for each in findings(host) if each.code == "unlike-equal-priority")
    assert "since Linux 7.0" in finding.message
    (older,) = (
        each
        for each in findings(replace(host, kernel=KernelVersion(6, 18)))
        if each.code == "unlike-equal-priority"
    )
    assert "7.0" not in older.message


def test_zram_that_wrote_pages_back_is_judged_by_what_it_kept() -> None:
    moved = replace(
        zram(disksize=GIB, stored=40 * MIB, used=2 * MIB, huge_pages=256),
        bd_stat=BdStat(38 * MIB, 0, 38 * MIB),
    )
    assert "zram-incompressible" in codes(replace(PLAIN, zram=(moved,)))
    assert "zram-incompressible" not in codes(replace(PLAIN, zram=(replace(moved, bd_stat=None),)))


@pytest.mark.parametrize(
    ("used", "code"),
    [(GIB, "swapoff-fits"), (5 * GIB, "swapoff-does-not-fit"), (0, None)],
)
def test_swapoff_is_compared_with_free_memory(used: int, code: str | None) -> None:
    memory = replace(PLAIN.memory, swap_total=6 * GIB, swap_free=6 * GIB - used)
    remarked = codes(replace(PLAIN, swaps=(DISK,), memory=memory))
    assert {each for each in remarked if each.startswith("swapoff")} == ({code} if code else set())


@pytest.mark.parametrize(
    ("mode", "uid", "unsafe"), [(0o600, 0, False), (0o644, 0, True), (0o600, 1000, True)]
)
def test_a_swap_file_that_others_can_read(mode: int, uid: int, unsafe: bool) -> None:
    file = replace(DISK, access=Access(mode, uid))
    remarked = codes(replace(PLAIN, swaps=(file,)))
    assert ("swap-file-permissions" in remarked) is unsafe


def test_a_deleted_swap_file_is_told() -> None:
    gone = replace(DISK, name=b"/swapfile (deleted)", deleted=True)
    assert "swap-file-deleted" in codes(replace(PLAIN, swaps=(gone,)))
    assert "swap-file-deleted" not in codes(replace(PLAIN, swaps=(DISK,)))


def test_ksm_that_costs_more_than_it_saves() -> None:
    losing = Ksm({"general_profit": -4096}, None, 4096)
    assert "ksm-profit-negative" in codes(replace(PLAIN, ksm=losing))
    assert "ksm-profit-negative" not in codes(replace(PLAIN, ksm=replace(losing, counters={})))


def test_a_ghost_interface_is_named() -> None:
    host = replace(PLAIN, interfaces=Interfaces(None, True, False, None))
    (finding,) = (each for each in findings(host) if each.code == "ghost-interface")
    assert "/dev/ghostswap" in finding.message
    assert "no-ghost-interface" in codes(PLAIN)


def test_the_gravest_finding_comes_first() -> None:
    host = replace(
        PLAIN,
        swaps=(replace(GHOST, size=64 * GIB),),
        zswap=zswap(enabled=False),
        zram=(zram(disksize=GIB, failed_writes=1),),
    )
    order = [Severity.ERROR, Severity.WARNING, Severity.INFO]
    ranks = [order.index(finding.severity) for finding in findings(host)]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}
