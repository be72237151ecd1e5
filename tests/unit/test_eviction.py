"""How small swap is to be for kubelet's eviction signal, and what that is worked out from."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.application.plan import eviction_signal
from ghostswap.errors import GhostswapError
from ghostswap.host.files import HostFiles
from ghostswap.host.memory import parse_meminfo
from ghostswap.host.zones import Reserves, parse_zoneinfo, read_reserves
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.slots import Design, Load, costs, memory
from ghostswap.kernel.zswap import Allocator
from ghostswap.plan.answer import Plan, PlanInput, PlanRequest, plan
from ghostswap.plan.eviction import Eviction, Threshold
from ghostswap.systems.footprint import System
from tests.unit.test_plan import GIB, LIMIT, MIB, PAGE, THIRD, V6_18

ZONEINFO = """Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 413596
  pages free     2816
        boost    0
        min      10
        low      13
        high     16
        spanned  4095
        present  3998
        managed  3840
        protection: (0, 3019, 24090, 24090, 24090)
      nr_free_pages 2816
  pagesets
    cpu: 0
              count: 0
              high:  28
              batch: 1
Node 0, zone    DMA32
  pages free     763410
        min      2116
        low      2888
        high     3660
        managed  772915
        protection: (0, 0, 21071, 21071, 21071)
Node 0, zone   Normal
        min      14769
        low      20163
        high     25557
        managed  5394266
        protection: (0, 0, 0, 0, 0)
Node 0, zone   Device
        low      0
        high     0
        managed  0
        protection: (0, 0, 0, 0, 0)
"""
MEMINFO = {
    "MemTotal": 16 << 20, "MemFree": 2 << 20, "AnonPages": 6 << 20, "Cached": 7 << 20,
    "Buffers": 100, "SwapCached": 24, "KReclaimable": 300_000, "Zswap": 100_000,
}  # fmt: skip


def host(root: Path, zoneinfo: str = ZONEINFO) -> Path:
    (root / "proc").mkdir()
    lines = (f"{name}: {number} kB\n" for name, number in MEMINFO.items())
    (root / "proc/meminfo").write_text("".join(lines))
    (root / "proc/zoneinfo").write_text(zoneinfo)
    return root


def test_a_zone_reserves_its_high_watermark_and_what_only_others_lack() -> None:
    """Of DMA all of it, since what it protects is more than it has; no line of a processor's list
    (`high:`) is a watermark."""
    assert parse_zoneinfo(ZONEINFO) == Reserves(
        low=13 + 2888 + 20163, reserved=3840 + (3660 + 21071) + 25557
    )
    assert parse_zoneinfo("") is None


def test_reserves_are_those_that_the_kernel_takes_from_what_is_available() -> None:
    """si_mem_available(), mm/show_mem.c, by the same figures: MemAvailable of this machine."""
    files, reserves = HostFiles(Path("/")), read_reserves(HostFiles(Path("/")))
    assert reserves is not None
    differences = []
    for _ in range(20):
        lines = parse_meminfo(files.text("proc/meminfo") or "")
        pages = lines["Active(file)"] + lines["Inactive(file)"]
        slab, low = lines["KReclaimable"], reserves.low * PAGE
        ours = (
            lines["MemFree"] - reserves.reserved * PAGE
            + pages - min(pages // 2, low)
            + slab - min(slab // 2, low)
        )  # fmt: skip
        differences.append(abs(ours - lines["MemAvailable"]))
    # Counters move while they are read, and nr_free_pages is summed anew.
    assert min(differences) <= 4 * MIB, differences


def test_what_kubelet_takes_for_available_is_all_that_is_no_page_of_a_pod(tmp_path: Path) -> None:
    eviction = eviction_signal(host(tmp_path), Threshold(share=0.1))
    assert eviction.threshold_bytes == 16 * GIB // 10
    assert eviction.reserved_bytes == (3840 + 24731 + 25557) * PAGE
    shrinks = 300_000 * 1024 - (13 + 2888 + 20163) * PAGE
    rest = (16 << 20) - (2 << 20) - (6 << 20) - (7 << 20) - 100 - 24 - 100_000
    assert eviction.kernel_bytes == rest * 1024 - shrinks
    assert Threshold(bytes=100 * MIB).of(GIB) == 100 * MIB


@pytest.mark.parametrize("zoneinfo", ["", "x"])
def test_a_host_that_does_not_tell_is_refused(tmp_path: Path, zoneinfo: str) -> None:
    with pytest.raises(GhostswapError, match="/proc/zoneinfo"):
        eviction_signal(host(tmp_path, zoneinfo), Threshold(bytes=GIB))


def made(eviction: Eviction | None, margin: float = 0.1, design: Design | None = None) -> Plan:
    zram = replace(THIRD, system=System.ZRAM)
    given = PlanInput(
        "x", Rules(V6_18, Allocator.ZSMALLOC), PAGE, "lz4", {System.ZSWAP: THIRD, System.ZRAM: zram}
    )
    system = System.ZRAM if design is Design.ZRAM else System.ZSWAP
    return plan(given, LIMIT, PlanRequest(system, V6_18, margin, design=design, eviction=eviction))


designs = st.sampled_from([Design.GHOST, Design.SWAPFILE, Design.ZRAM])


@given(
    pool=st.integers(8 * MIB, 16 * GIB), kernel=st.integers(0, GIB), reserved=st.integers(0, GIB),
    margin=st.floats(0, 0.9), design=designs,
)  # fmt: skip
def test_the_pool_of_the_whole_area_leaves_the_threshold_alone(
    pool: int, kernel: int, reserved: int, margin: float, design: Design
) -> None:
    """Whatever its pages take in the end, within the margin; and never is it more than without."""
    eviction = Eviction(pool + kernel + reserved, kernel, reserved)
    planned, without = made(eviction, margin, design), made(None, margin, design)
    sizing = planned.sizing
    assert 0 < sizing.recommended_bytes <= without.sizing.recommended_bytes
    slots = sizing.recommended_slots
    in_pool = min(THIRD.pool_bytes * (1 + sizing.error) * slots / THIRD.slots, sizing.limit_bytes)
    parts = costs(design, V6_18, PAGE, planned.input.rules.zram_entry_bytes)
    entries = THIRD.entry_bytes_of(slots)
    kept = memory(parts, Load(slots, slots, THIRD.entries_of(slots))) + entries
    limited = slots <= eviction.slots(THIRD, sizing.error, parts)
    assert limited, "the area has more slots than kubelet may fail to see"
    assert in_pool + kept <= pool + THIRD.slots
    if sizing.limited_by == "eviction":
        assert sizing.recommended_bytes < without.sizing.recommended_bytes


@given(pools=st.lists(st.integers(8 * MIB, 4 * GIB), min_size=2, max_size=2), design=designs)
def test_a_higher_threshold_never_means_less_swap(pools: list[int], design: Design) -> None:
    sizes = [
        made(Eviction(pool, 0, 0), 0.1, design).sizing.recommended_bytes for pool in sorted(pools)
    ]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("pool", [-GIB, 0, MIB // 4])
def test_where_no_area_is_small_enough_none_is_named(pool: int) -> None:
    with pytest.raises(GhostswapError, match=r"however small swap is") as refused:
        made(Eviction(GIB + pool, GIB // 2, GIB // 2))
    assert "\n" not in str(refused.value)


def test_what_limits_is_said() -> None:
    planned = made(Eviction(GIB, GIB // 4, GIB // 4))
    assert planned.answer.limited_by == "eviction"
    # Half a GiB of pool at a third, a tenth of it margin, and some 80 bytes a page kept besides.
    assert planned.answer.size_bytes / GIB == pytest.approx(0.5 * 3 / 1.1, rel=0.08)
    assert made(Eviction(64 * GIB, 0, 0)).answer == made(None).answer
