"""How large an area a plan recommends, and what it says a wrong size costs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.kernel.cgroups import GroupLimit, GroupLimits, LimitFile
from ghostswap.kernel.geometry import MAXIMUM_PAGES
from ghostswap.kernel.slots import PHASE_IV, Design
from ghostswap.kernel.version import KernelVersion
from ghostswap.plan.designs import design_costs, too_large, too_small
from ghostswap.plan.sizing import MAXIMUM_SLOTS, PoolLimit, round_size, size_up
from ghostswap.systems.footprint import Footprint, Sharing, System

PAGE = 4096
MIB, GIB = 1 << 20, 1 << 30
V6_18 = KernelVersion(6, 18)

# 1000 pages, a tenth of them zero, in a third of their size.
THIRD = Footprint(
    System.ZSWAP,
    "lz4",
    PAGE,
    total_pages=1000,
    pages_stored=900,
    same_pages=100,
    huge_pages=0,
    refused_pages=0,
    compressed_bytes=1000 * PAGE // 4,
    pool_bytes=1000 * PAGE // 3,
    slack_bytes=0,
    entry_bytes=900 * 64,
    lookup_bytes=900 * 9,
)
LIMIT = PoolLimit(ram_bytes=8 * GIB, percent=20)


def test_a_fifth_of_8_gib_holds_three_fifths_of_it_at_ratio_3() -> None:
    sizing = size_up(THIRD, LIMIT, margin=0.0, demand_bytes=None)
    assert sizing.limit_bytes == 8 * GIB // PAGE * 20 // 100 * PAGE
    assert sizing.expected * PAGE / (8 * GIB) == pytest.approx(0.6, abs=1e-3)
    assert sizing.used == sizing.expected == sizing.pessimistic == sizing.optimistic
    assert sizing.exact_pages == sizing.expected + 1  # the header's page
    assert sizing.recommended_bytes == 5 * GIB


def test_a_pool_that_was_full_holds_nine_tenths_in_the_long_run() -> None:
    sizing = size_up(THIRD, LIMIT, 0.0, None)
    assert sizing.limit.steady_bytes(PAGE) == 8 * GIB // PAGE * 20 // 100 * 90 // 100 * PAGE
    assert sizing.steady == pytest.approx(sizing.expected * 0.9, rel=1e-5)
    assert size_up(THIRD, replace(LIMIT, accept_percent=100), 0.0, None).steady == sizing.expected


def test_refused_pages_of_a_demand_take_no_pool_but_slots() -> None:
    """A page has its slot before zswap refuses it: with a ghost it then stays in RAM."""
    half = replace(THIRD, total_pages=2000, refused_pages=1000)
    whole, ghost = size_up(THIRD, LIMIT, 0.0, GIB), size_up(half, LIMIT, 0.0, 2 * GIB)
    assert (ghost.used, ghost.limited_by) == (whole.used, "demand")
    assert ghost.needed == 2 * whole.needed
    assert ghost.disk_bytes == ghost.unheld_bytes == 0
    disk = size_up(half, LIMIT, 0.0, 2 * GIB, on_disk=True)
    assert (disk.used, disk.needed, disk.disk_bytes) == (whole.used, ghost.needed, GIB)
    full = size_up(half, LIMIT, 0.0, 64 * GIB)
    assert full.limited_by == "pool"
    assert full.unheld_bytes == 32 * GIB - full.memory_of(full.pessimistic)


@pytest.mark.parametrize(
    ("file", "number", "slots"),
    [
        (LimitFile.ZSWAP, MIB, 1024),  # of a page to a quarter: compressed, not in the pool's pages
        (LimitFile.MEMORY, MIB, 1024),
        (LimitFile.SWAP, MIB, 256),
        (LimitFile.ZSWAP, 0, 0),
        (LimitFile.ZSWAP, 1 << 50, None),
    ],
)
def test_a_control_group_may_be_full_before_the_pool(
    file: LimitFile, number: int, slots: int | None
) -> None:
    group = GroupLimits("/a", (GroupLimit(file, number, "/a"),))
    alone = size_up(THIRD, LIMIT, 0.1, None)
    sizing = size_up(THIRD, replace(LIMIT, group=group), 0.1, None)
    if slots is None:
        assert replace(sizing, limit=LIMIT) == alone
        return
    assert (sizing.expected, sizing.limited_by) == (slots, file)
    assert sizing.pessimistic <= sizing.expected <= sizing.optimistic < alone.pessimistic
    demanded = size_up(THIRD, replace(LIMIT, group=group), 0.1, max(slots - 1, 0) * PAGE)
    assert demanded.limited_by == ("demand" if slots else file)


def test_zram_is_not_charged_to_a_group() -> None:
    zram = replace(THIRD, system=System.ZRAM)
    limits = tuple(GroupLimit(file, MIB, "/a") for file in (LimitFile.ZSWAP, LimitFile.MEMORY))
    group = GroupLimits("/a", limits)
    assert size_up(zram, replace(LIMIT, group=group), 0.0, None).limited_by == "pool"


def test_zero_pages_need_slots_but_no_pool() -> None:
    half_zero = replace(THIRD, total_pages=2000)
    without = size_up(THIRD, LIMIT, 0.0, None).expected
    assert size_up(half_zero, LIMIT, 0.0, None).expected == pytest.approx(2 * without, abs=2)


def test_pages_that_take_no_pool_fill_it_never() -> None:
    nothing = replace(THIRD, pool_bytes=0, pages_stored=0)
    sizing = size_up(nothing, LIMIT, 0.1, None)
    assert sizing.expected == sizing.pessimistic == MAXIMUM_SLOTS
    assert sizing.exact_pages == MAXIMUM_PAGES


def test_a_margin_widens_the_range_to_both_sides() -> None:
    sizing = size_up(THIRD, LIMIT, margin=0.25, demand_bytes=None)
    assert sizing.pessimistic == pytest.approx(sizing.expected / 1.25, abs=1)
    assert sizing.optimistic == pytest.approx(sizing.expected / 0.75, abs=1)
    assert sizing.recommended_slots >= sizing.optimistic
    assert sizing.overcommitted_bytes > 0


def test_its_own_error_adds_to_the_margin() -> None:
    unsure = replace(THIRD, relative_error=0.1)
    assert size_up(unsure, LIMIT, 0.15, None).pessimistic == pytest.approx(
        size_up(THIRD, LIMIT, 0.25, None).pessimistic, abs=1
    )


def test_zspages_not_full_yet_widen_the_range_to_the_better_side() -> None:
    few = replace(THIRD, slack_bytes=THIRD.pool_bytes // 2)
    sizing = size_up(few, LIMIT, 0.0, None)
    assert sizing.pessimistic == sizing.expected
    assert sizing.optimistic == pytest.approx(2 * sizing.expected, rel=1e-3)
    assert sizing.recommended_slots >= sizing.optimistic


def test_a_small_demand_needs_no_more_than_itself() -> None:
    sizing = size_up(THIRD, LIMIT, margin=0.2, demand_bytes=GIB)
    assert sizing.used * PAGE == GIB
    assert sizing.recommended_bytes == GIB + GIB // 8  # the header's page makes it more than 1 GiB
    assert sizing.unheld_bytes == 0


def test_a_demand_beyond_the_pool_is_named() -> None:
    sizing = size_up(THIRD, LIMIT, margin=0.0, demand_bytes=64 * GIB)
    assert sizing.used == sizing.expected
    assert sizing.unheld_bytes == 64 * GIB - sizing.expected * PAGE


def test_ksm_holds_more_memory_in_fewer_slots() -> None:
    merged = replace(THIRD, system=System.KSM, pages_stored=450, sharing=Sharing(100, 500, 0))
    sizing = size_up(merged, LIMIT, 0.0, demand_bytes=GIB)
    assert sizing.used * PAGE == GIB // 2
    assert merged.memory_of(sizing.used) == GIB


def test_a_size_twice_too_large_costs_what_its_kernel_keeps_for_empty_slots() -> None:
    sizing = size_up(THIRD, LIMIT, 0.0, None)
    twice = {sizes.kernel: sizes for sizes in too_large(sizing, V6_18, 16) if sizes.factor == 2}
    assert twice[V6_18].unused_slots == sizing.used
    assert twice[V6_18].metadata_bytes == round(sizing.used * (3.125 + 1 / 16 + 1 / 1024))
    assert twice[PHASE_IV].metadata_bytes < twice[V6_18].metadata_bytes / 30
    assert KernelVersion(6, 15) in {k.kernel for k in too_large(sizing, KernelVersion(6, 15), 16)}


def test_a_size_half_too_small_leaves_half_the_pool_unused() -> None:
    sizing = size_up(THIRD, LIMIT, 0.0, None)
    half = too_small(sizing)[0]
    assert half.unused_pool_bytes == pytest.approx(sizing.limit_bytes / 2, abs=2 * PAGE)


def test_designs_take_the_same_pool_and_differ_in_what_they_keep_and_show() -> None:
    sizing = size_up(THIRD, LIMIT, 0.0, GIB)
    footprints = {System.ZSWAP: THIRD, System.ZRAM: replace(THIRD, system=System.ZRAM)}
    sizes = {
        cost.design: cost for cost in design_costs(sizing, footprints, V6_18, zram_entry_bytes=16)
    }
    assert set(sizes) == set(Design)
    assert len({cost.pool_bytes for cost in sizes.values()}) == 1
    ghost, file = sizes[Design.GHOST], sizes[Design.SWAPFILE]
    assert ghost.metadata_bytes == file.metadata_bytes
    assert (ghost.disk_bytes, file.disk_bytes) == (0, sizing.recommended_bytes)
    assert not ghost.writes_back
    assert file.writes_back
    assert sizes[Design.VSWAP_24].empty_bytes == sizes[Design.VSWAP_24].swap_total_bytes == 0
    assert ghost.swap_total_bytes == sizing.recommended_slots * PAGE
    zram = sizes[Design.ZRAM]
    assert zram.empty_bytes - ghost.empty_bytes == 16 * sizing.recommended_slots


@given(
    pool=st.integers(1, 1000 * PAGE),
    ram=st.integers(PAGE, 1 << 50),
    percent=st.integers(1, 100),
    margin=st.floats(0, 2, allow_nan=False),
    demand=st.none() | st.integers(1, 1 << 60),
)
def test_the_recommendation_holds_what_is_used_and_fits_a_header(
    pool: int, ram: int, percent: int, margin: float, demand: int | None
) -> None:
    footprint = replace(THIRD, pool_bytes=pool)
    sizing = size_up(footprint, PoolLimit(ram, percent), margin, demand)
    assert sizing.pessimistic <= sizing.expected <= sizing.optimistic
    assert footprint.pool_of(sizing.expected) <= sizing.limit_bytes
    assert sizing.used <= sizing.recommended_slots <= MAXIMUM_SLOTS
    assert sizing.overcommitted_bytes >= 0
    assert sizing.unheld_bytes >= 0


@given(st.integers(1, MAXIMUM_PAGES), st.sampled_from([4096, 16384, 65536]))
def test_a_round_size_is_at_most_an_eighth_more(pages: int, page_size: int) -> None:
    size = round_size(pages, page_size)
    assert pages * page_size <= size <= max(pages * page_size * 9 // 8, pages * page_size + MIB)
    assert size % page_size == 0
