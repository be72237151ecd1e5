"""What a plan is asked for, decided from plain data."""

from dataclasses import replace
from pathlib import Path

import pytest

from ghostswap.application.algorithm import HostAlgorithm
from ghostswap.application.method import Idle
from ghostswap.application.planning import (
    PlanOptions,
    demand_asked,
    limits_asked,
    method_asked,
    system_asked,
)
from ghostswap.application.sources import Sources
from ghostswap.errors import UsageError
from ghostswap.host.processes import Selection
from ghostswap.kernel.slots import Design
from ghostswap.plan.demand import AskedDemand, Demand, DemandSource
from ghostswap.report.form import Form
from ghostswap.systems.footprint import System

DUMP = PlanOptions(Sources([Path("app.core")]))
GROUP = Sources(processes=Selection(cgroups=["/app"]))
RATIO = PlanOptions(Sources(), ratio=3.0)


@pytest.mark.parametrize(
    ("system", "design", "form", "held_by"),
    [
        (None, None, None, System.ZSWAP),
        (None, Design.ZRAM, None, System.ZRAM),
        (None, None, Form.ZRAM_GENERATOR, System.ZRAM),
        (None, Design.GHOST, Form.SH, System.ZSWAP),
        (System.KSM, None, Form.ZRAM_GENERATOR, System.KSM),
    ],
)
def test_zram_is_meant_where_its_design_or_generator_is(
    system: System | None, design: Design | None, form: Form | None, held_by: System
) -> None:
    assert system_asked(system, design, form) is held_by


@pytest.mark.parametrize(
    ("options", "option"),
    [
        (PlanOptions(Sources()), "plan"),
        (replace(DUMP, ratio=3.0), "plan"),
        (replace(RATIO, live=True), "--live"),
        (replace(RATIO, quick=True), "--quick"),
        (replace(DUMP, idle=Idle(30), quick=True), "--idle"),
        (replace(DUMP, idle=Idle(30), demand=AskedDemand(DemandSource.IDLE)), "--idle"),
        (replace(DUMP, demand=AskedDemand(DemandSource.GIVEN, 0)), "--demand"),
        (replace(DUMP, design=Design.ZRAM), "--design"),
        (replace(DUMP, system=System.ZRAM, design=Design.GHOST), "--design"),
    ],
)
def test_options_that_contradict_each_other_name_one(options: PlanOptions, option: str) -> None:
    with pytest.raises(UsageError, match=f"^{option}: "):
        options.check()


@pytest.mark.parametrize(
    "options", [DUMP, RATIO, replace(RATIO, sources=GROUP), PlanOptions(GROUP, idle=Idle(30))]
)
def test_options_that_go_together_are_not_refused(options: PlanOptions) -> None:
    with pytest.raises(UsageError, match=r"^--design: "):  # its one fault, sought last
        replace(options, design=Design.ZRAM).check()
    options.check()


def test_a_slow_algorithm_of_the_host_is_sampled_unless_it_is_named() -> None:
    slow, fast = HostAlgorithm("lzo-rle", "", slow=True), HostAlgorithm("zstd", "")
    assert method_asked(DUMP, slow).error is not None
    assert method_asked(DUMP, fast).error is None
    assert method_asked(replace(DUMP, quick=True), fast).error is not None
    assert method_asked(replace(DUMP, idle=Idle(30)), slow).error is None  # is one already
    assert method_asked(DUMP, slow).algorithms == ["lzo-rle"]
    named = method_asked(replace(DUMP, algorithm="lzo-rle"), None)
    assert (named.algorithms, named.error) == (["lzo-rle"], None)
    assert method_asked(DUMP, None).algorithms == []  # of a census: those that it has


def test_a_demand_is_given_or_left_to_the_pages() -> None:
    given = replace(DUMP, demand=AskedDemand(DemandSource.GIVEN, 1 << 30))
    assert demand_asked(given) == Demand(1 << 30, DemandSource.GIVEN)
    assert demand_asked(DUMP) is None
    assert demand_asked(replace(DUMP, demand=AskedDemand(DemandSource.CAPACITY))) is None


def test_limits_of_several_groups_are_not_added_up(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1048576 kB\n")
    groups = Sources(processes=Selection(cgroups=["/a", "/b"]))
    warnings: list[str] = []
    options = PlanOptions(groups, root=tmp_path, ram_bytes=(1 << 30, 2 << 30))
    limits = limits_asked(options, warnings.append)
    assert [(each.ram_bytes, each.group) for each in limits] == [(1 << 30, None), (2 << 30, None)]
    assert warnings == ["limits of several control groups do not add up: sized as if they had none"]
