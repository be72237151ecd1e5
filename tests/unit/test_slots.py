"""What a swap slot costs: the figures that the designs' authors published, and their sense."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.kernel.slots import (
    MILESTONES,
    PHASE_IV,
    TRAITS,
    Charge,
    Cost,
    Design,
    Load,
    costs,
    memory,
)
from ghostswap.kernel.version import KernelVersion

MIB = 1 << 20
GIB_32 = 32 << 30 >> 12  # slots of a 32 GiB area
TIB = 1 << 40 >> 12
V6_1, V6_12, V6_18, V7_1 = (KernelVersion(*v) for v in ((6, 1), (6, 12), (6, 18), (7, 1)))


def published(design: Design) -> list[Cost]:
    """What the cover letter of virtual swap v6 counts: the tables with an entry a slot, not what
    a cluster, a tree or an xarray node takes."""
    counted = {"swap_map", "swap_cgroup", "zeromap", "swap table", "zswap xarray"}
    counted |= {"swp_desc", "virtual cluster", "slot bitmaps", "reverse map"}
    return [cost for cost in costs(design, V6_18) if cost.name in counted]


@pytest.mark.parametrize(
    ("percent", "today", "virtual"),
    [(0, 25.0, 0.0), (25, 57.0, 48.25), (50, 89.0, 96.5), (75, 121.0, 144.75), (100, 153.0, 193.0)],
)
def test_32_gib_in_zswap_cost_what_the_cover_letter_says(
    percent: int, today: float, virtual: float
) -> None:
    used = GIB_32 * percent // 100
    load = Load(area=GIB_32, used=used, entries=used)
    assert memory(published(Design.SWAPFILE), load) / MIB == today
    assert memory(published(Design.VSWAP_24), load) / MIB == virtual


@pytest.mark.parametrize(
    ("percent", "today", "virtual"),
    [(0, 25.0, 2.0), (25, 41.0, 66.25), (50, 57.0, 130.5), (75, 73.0, 194.75), (100, 89.0, 259.0)],
)
def test_32_gib_on_disk_cost_what_the_cover_letter_says(
    percent: int, today: float, virtual: float
) -> None:
    used = GIB_32 * percent // 100
    load = Load(area=GIB_32, used=used, entries=0, written=used)
    assert memory(published(Design.SWAPFILE), load) / MIB == today
    assert memory(published(Design.VSWAP_24_SWAPFILE), load) / MIB == virtual


@pytest.mark.parametrize(("version", "mib"), [(V6_18, 816), (V7_1, 564), (PHASE_IV, 24)])
def test_a_ghost_of_1_tib_costs_this_before_it_is_used(version: KernelVersion, mib: int) -> None:
    empty = Load(area=TIB, used=0, entries=0)
    assert memory(costs(Design.GHOST, version), empty) // MIB == mib


def per_slot(design: Design, version: KernelVersion, *charges: Charge) -> float:
    costing = (c.bytes_per_slot for c in costs(design, version) if c.charge in charges)
    return float(sum(costing, Fraction(0)))


def test_static_bytes_a_slot_by_kernel() -> None:
    static = [round(per_slot(Design.GHOST, v, Charge.AREA), 4) for v in MILESTONES]
    assert static == [3.1406, 3.1416, 3.1885, 2.2041, 0.0947]
    # A rotational area has no clusters before 6.13, and only a ghost is made one.
    for version, in_clusters in ((V6_1, 8), (V6_12, 24), (V6_18, 0)):
        more = per_slot(Design.SWAPFILE, version, Charge.AREA) - per_slot(
            Design.GHOST, version, Charge.AREA
        )
        assert more == in_clusters / 512


def test_phase_iii_saves_256_mib_a_tib_and_phase_iv_512() -> None:
    def named(version: KernelVersion) -> dict[str, int]:
        empty = Load(area=TIB, used=0, entries=0)
        return {c.name: memory([c], empty) for c in costs(Design.GHOST, version)}

    assert "swap_map" not in named(V7_1)
    assert named(V6_18)["swap_map"] == 256 * MIB
    assert "swap_cgroup" not in named(PHASE_IV)
    assert named(V7_1)["swap_cgroup"] == 512 * MIB


def test_authors_figures_of_bytes_a_used_slot() -> None:
    # Kairui Song: 8 plain, 16 with zswap; the memcg id and what nodes and clusters take excluded.
    dynamic = {c.name: c.bytes_per_slot for c in costs(Design.DYNAMIC_GHOST, V6_18)}
    assert dynamic["swap table"] == 8
    assert dynamic["swap table"] + dynamic["zswap xarray"] == 16
    # Chris Li: 11 bytes, 3 of them static.
    plain = {c.name: c.bytes_per_slot for c in costs(Design.SWAPFILE, V6_18)}
    assert plain["swap_map"] + plain["swap_cgroup"] + plain["swap table"] == 11
    # Nhat Pham: 48, later 24; in the swap table edition 16, or 18 with the memcg id.
    assert per_slot(Design.VSWAP_48, V6_18, Charge.USED) == 48
    table = {c.name: c.bytes_per_slot for c in costs(Design.VSWAP_TABLE, V6_18)}
    assert table["swap table"] + table["virtual_table"] == 16
    assert table["swap table"] + table["virtual_table"] + table["memcg id"] == 18


def test_what_grows_on_demand_costs_nothing_while_empty() -> None:
    empty = Load(area=TIB, used=0, entries=0)
    for design in (Design.DYNAMIC_GHOST, Design.VSWAP_48, Design.VSWAP_24, Design.VSWAP_TABLE):
        assert memory(costs(design, V6_18), empty) == 0
    # xswap keeps a pointer and a lock for each 64 MiB that it may grow to, and nothing else.
    assert memory(costs(Design.XSWAP, V6_18), empty) == TIB // 16384 * 16


def test_xswap_in_full_use_costs_what_a_file_costs_since_phase_iv() -> None:
    full = Load(area=TIB, used=TIB, entries=TIB)
    released, proposed = costs(Design.GHOST, PHASE_IV), costs(Design.XSWAP, PHASE_IV)
    assert memory(proposed, full) == memory(released, full)
    assert sum(cost.error for cost in proposed) < 0.1
    assert not any(cost.error for cost in released)


def test_zram_pays_its_table_for_the_whole_disksize() -> None:
    empty = Load(area=TIB, used=0, entries=0)
    for entry in (16, 24):
        table = memory(costs(Design.ZRAM, V6_18, zram_entry_bytes=entry), empty)
        assert table - memory(costs(Design.SWAPFILE, V6_18), empty) == entry * TIB


def test_zswap_of_6_1_finds_its_entries_without_an_xarray() -> None:
    assert per_slot(Design.GHOST, V6_1, Charge.ENTRY) == 0
    assert per_slot(Design.GHOST, V6_12, Charge.ENTRY) == 9


@pytest.mark.parametrize(("page_size", "cluster"), [(4096, 512), (16384, 2048), (65536, 8192)])
def test_a_cluster_is_a_huge_page(page_size: int, cluster: int) -> None:
    costing = {c.name: c for c in costs(Design.GHOST, V6_18, page_size)}
    assert costing["swap_cluster_info"].slots == cluster
    assert costing["swap table"].bytes_per_slot == 8


def test_every_design_says_what_it_is_and_where_each_number_comes_from() -> None:
    assert set(TRAITS) == set(Design)
    for design in Design:
        for version in MILESTONES:
            costing = costs(design, version)
            assert costing
            assert all(cost.source and cost.size > 0 for cost in costing)
            names = [cost.name for cost in costing]
            assert len(names) == len(set(names))


@given(
    st.sampled_from(list(Design)),
    st.sampled_from(MILESTONES),
    st.integers(0, 1 << 32),
    st.integers(0, 1 << 32),
)
def test_more_slots_never_cost_less(
    design: Design, version: KernelVersion, fewer: int, more: int
) -> None:
    fewer, more = sorted((fewer, more))
    costing = costs(design, version)
    small = memory(costing, Load(area=1 << 32, used=fewer, entries=fewer))
    assert small <= memory(costing, Load(area=1 << 32, used=more, entries=more))
