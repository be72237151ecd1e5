"""What `ghostswap plan` shows: sizes, what wrong ones cost, and what other designs take."""

from collections.abc import Iterable, Sequence

from ghostswap.cli.render import (
    Column,
    View,
    cells,
    columns,
    emphasised,
    print_table,
    printable,
    size_text,
)
from ghostswap.kernel.cgroups import GroupLimits
from ghostswap.plan.answer import Plan
from ghostswap.plan.demand import MGLRU, Demand, DemandSource
from ghostswap.plan.designs import TooLarge
from ghostswap.plan.sizing import Sizing
from ghostswap.report.fields import titled
from ghostswap.report.plan import DESIGN, SIZING, derivations
from ghostswap.units import format_duration

SIZE_FIELDS = titled(SIZING)
SIZE_COLUMNS = columns(SIZE_FIELDS, words={"System"})
_DESIGN_FIELDS = titled(DESIGN)
_DESIGN_COLUMNS = columns(_DESIGN_FIELDS, words={"Design", "Writes back to"})
_GUESS_COLUMNS = (
    Column("KERNEL", right=True),
    Column("TIMES", right=True),
    Column("UNUSED", right=True),
    Column("METADATA", right=True),
)


def show(plans: Sequence[Plan], view: View, *, explain: bool) -> None:
    """Print the sizes for all machines, and the rest for one; with columns chosen, sizes only."""
    first = plans[0]
    if view.headings and view.columns is None:
        print(f"{printable(_about(first))}\n")
    rows = [
        cells(SIZE_FIELDS, sizing, view.exact)
        for each in plans
        for sizing in (each.sizing, *each.others)
    ]
    print_table(SIZE_COLUMNS, rows, headings=view.headings, only=view.columns)
    if view.columns is None and len(plans) == 1:
        _show_details(first, view)
    if explain:
        for each in plans:
            _show_derivations(each)


def _about(plan: Plan) -> str:
    algorithm = f", {plan.input.algorithm}" if plan.input.algorithm else ""
    return (
        f"{plan.input.name}{algorithm}: slots as Linux {plan.kernel} keeps them; "
        f"within {plan.sizing.error:.2%}"
    )


def _show_details(plan: Plan, view: View) -> None:
    sizing, exact = plan.sizing, view.exact
    if view.headings:
        print()
        if plan.demand is not None and plan.demand.source is DemandSource.IDLE:
            print(_idle(plan.demand, exact))
        for line in _judgement(sizing, exact):
            print(line)
    _titled("Too large: what slots that are never used take of RAM", view)
    rows: Iterable[list[str]] = (_guess_row(each, sizing, exact) for each in plan.too_large)
    print_table(_GUESS_COLUMNS, rows, headings=view.headings)
    if view.headings:
        _show_too_small(plan, exact)
    _titled("The same memory under other designs", view)
    rows = (cells(_DESIGN_FIELDS, each, exact) for each in plan.designs)
    print_table(_DESIGN_COLUMNS, rows, headings=view.headings)


def _idle(demand: Demand, exact: bool) -> str:
    seconds, size = format_duration(demand.seconds or 0), size_text(demand.bytes, exact)
    if demand.tracker == MGLRU:
        return (
            f"{size} of this host is unused for {seconds}, by the kernel's generations. They tell "
            "no pages: the ratio is that of all that was measured, and idle pages may differ."
        )
    return f"Up to {size} is idle: nothing touched it for {seconds} ({demand.tracker})."


def _judgement(sizing: Sizing, exact: bool) -> list[str]:
    recommended = size_text(sizing.recommended_bytes, exact)
    lines = [emphasised(f"Make it {recommended}: ghostswap plan … --emit sh says how.")]
    if sizing.limit.group is not None:
        lines.append(_group(sizing.limit.group, sizing.limited_by, exact))
    if sizing.steady < sizing.used == sizing.expected:
        least, most = (
            size_text(sizing.memory_of(slots), exact) for slots in (sizing.steady, sizing.used)
        )
        lines.append(
            f"Once full, the pool takes nothing until it is at {sizing.limit.accept_percent} % of"
            f" its limit: in the long run it holds {least} to {most}."
        )
    if sizing.overcommitted_bytes:
        more = size_text(sizing.overcommitted_bytes, exact)
        lines.append(f"At worst the pool is full {more} before the area is.")
    if sizing.unheld_bytes:
        over = size_text(sizing.unheld_bytes, exact)
        lines.append(f"Of the demand, {over} may find no room in the pool.")
    return lines


def _group(group: GroupLimits, limited_by: str, exact: bool) -> str:
    parts = [
        f"{each.file} {size_text(each.bytes, exact)}"
        + (f" (of {each.group})" if each.group != group.path else "")
        for each in group.limits
    ]
    if not parts:
        return printable(f"Control group {group.path} is not limited.")
    first = next(
        (f"{each.file} is reached first" for each in group.limits if each.file == limited_by),
        "none is reached first",
    )
    return printable(f"Control group {group.path} has {', '.join(parts)}: {first}.")


def _guess_row(guess: TooLarge, sizing: Sizing, exact: bool) -> list[str]:
    unused = guess.unused_slots * sizing.footprint.page_size
    return [
        str(guess.kernel),
        str(guess.factor),
        size_text(unused, exact),
        size_text(guess.metadata_bytes, exact),
    ]


def _show_too_small(plan: Plan, exact: bool) -> None:
    for each in plan.too_small:
        unused = size_text(each.unused_pool_bytes, exact)
        print(f"{each.divisor} times too small leaves {unused} of the pool unused.")


def _show_derivations(plan: Plan) -> None:
    print()
    for step in derivations(plan):
        print(printable(f"{step.figure}: {step.calculation}"))
        print(printable(f"    {step.source}"))


def _titled(title: str, view: View) -> None:
    print()
    if view.headings:
        print(emphasised(title))
