"""`ghostswap plan --fleet`: one size for many hosts, and how it suits them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ghostswap.application.fleet import Asked, plan_fleet
from ghostswap.cli.fleet import MOST_LINES, fleet_progress, status_of, stock
from ghostswap.cli.render import (
    View,
    cells,
    columns,
    print_json,
    print_table,
    size_text,
    warn,
)
from ghostswap.errors import UsageError
from ghostswap.kernel.rules import Rules
from ghostswap.plan.enough import ZeroPages, without_zeros
from ghostswap.plan.fleet import FleetPlan, fit
from ghostswap.report.fields import titled
from ghostswap.report.form import Form
from ghostswap.report.plan_fleet import (
    PERCENTILE,
    document,
    percentile_rows,
    rule,
    zram_generator,
)
from ghostswap.systems.footprint import System

_FIELDS = titled(PERCENTILE)
FLEET_COLUMNS = columns(_FIELDS, words=set())


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """What of the options goes with a fleet."""

    censuses: Sequence[Path]
    asked: Asked
    system: System
    max_pool_percent: int | None
    margin: float
    zero_pages: ZeroPages | None
    emit: Form | None
    json: bool
    view: View
    quiet: bool


def show_plan(request: FleetRequest, rules: Rules) -> int:
    """Print the plan for a fleet; the exit status."""
    if request.emit not in (None, Form.ZRAM_GENERATOR):
        raise UsageError("--emit", f"{request.emit} takes no rule; zram-generator does")
    inventory = stock(request.censuses, skip_bad=request.asked.skip_bad, quiet=request.quiet)
    plan = plan_fleet(
        inventory,
        rules,
        request.asked,
        request.system,
        request.max_pool_percent,
        request.margin,
        request.zero_pages,
        lambda: fleet_progress(request.quiet),
    )
    for name in plan.empty[:MOST_LINES]:
        warn(f"{name}: {request.system} takes none of its pages: left out", request.quiet)
    if plan.left_out_zero_pages:
        warn(without_zeros(plan.left_out_zero_pages, plan.pages), request.quiet)
    if request.json:
        print_json(document(plan))
    elif request.emit is not None:
        print("\n".join(zram_generator(plan)))
    else:
        _show(plan, request.view)
    return status_of(plan.left_out)


def _show(plan: FleetPlan, view: View) -> None:
    sizing, default = plan.hosts[0].sizing, fit(plan.hosts)
    if view.headings:
        most = size_text(default.most_bytes, view.exact)
        print(f"Make it {default.share_of_ram:.0%} of RAM, {most} at the most: {rule(default)}")
        print(
            f"  {sizing.footprint.system} with {sizing.footprint.algorithm}, whose pool may take "
            f"{sizing.limit.percent}% of RAM; {len(plan.hosts):,} hosts"
        )
        print(f"  too small for {len(default.failing):,} of them")
        print()
    rows = [cells(_FIELDS, row, view.exact) for row in percentile_rows(plan)]
    print_table(FLEET_COLUMNS, rows, headings=view.headings, only=view.columns)
