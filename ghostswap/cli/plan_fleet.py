"""`ghostswap plan --fleet`: one size for many hosts, and how it suits them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ghostswap.application.fleet import Asked, plan_fleet
from ghostswap.cli.fleet import MOST_LINES, fleet_progress, stock
from ghostswap.cli.render import (
    DONE,
    REFUSED,
    Column,
    View,
    print_json,
    print_table,
    size_text,
    warn,
)
from ghostswap.errors import UsageError
from ghostswap.kernel.rules import Rules
from ghostswap.plan.fleet import FleetPlan, fit
from ghostswap.report.form import Form
from ghostswap.report.plan_fleet import document, rule, zram_generator
from ghostswap.systems.footprint import System

FLEET_COLUMNS = (
    Column("PERCENTILE", right=True),
    Column("RATIO", right=True),
    Column("SIZE", right=True),
    Column("OF-RAM", right=True),
)


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """What of the options goes with a fleet."""

    censuses: Sequence[Path]
    system: System
    algorithm: str | None
    max_pool_percent: int | None
    margin: float
    emit: Form | None
    json: bool
    view: View
    quiet: bool


def show_plan(request: FleetRequest, rules: Rules) -> int:
    """Print the plan for a fleet; the exit status."""
    if request.emit not in (None, Form.ZRAM_GENERATOR):
        raise UsageError("--emit", f"{request.emit} takes no rule; zram-generator does")
    inventory = stock(request.censuses, skip_bad=False, quiet=request.quiet)
    asked = Asked([request.algorithm] if request.algorithm else ())
    plan = plan_fleet(
        inventory,
        rules,
        asked,
        request.system,
        request.max_pool_percent,
        request.margin,
        lambda: fleet_progress(request.quiet),
    )
    for name in plan.empty[:MOST_LINES]:
        warn(f"{name}: {request.system} takes none of its pages: left out", request.quiet)
    if request.json:
        print_json(document(plan))
    elif request.emit is not None:
        print("\n".join(zram_generator(plan)))
    else:
        _show(plan, request.view)
    return REFUSED if plan.left_out else DONE


def _show(plan: FleetPlan, view: View) -> None:
    described, default = document(plan), fit(plan.hosts)
    if view.headings:
        most = size_text(default.most_bytes, view.exact)
        print(f"Make it {default.share_of_ram:.0%} of RAM, {most} at the most: {rule(default)}")
        print(
            f"  {described['system']} with {described['algorithm']}, whose pool may take "
            f"{described['max_pool_percent']}% of RAM; {described['hosts']:,} hosts"
        )
        print(f"  too small for {len(default.failing):,} of them")
        print()
    rows = [
        [
            f"{each['percentile']}%",
            f"{each['ratio']:.2f}",
            size_text(each["size_bytes"], view.exact),
            f"{each['share_of_ram']:.0%}",
        ]
        for each in described["percentiles"]
    ]
    print_table(FLEET_COLUMNS, rows, headings=view.headings, only=view.columns)
