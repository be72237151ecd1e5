"""What `ghostswap plan` shows: sizes, what wrong ones cost, and what other designs take."""

from collections.abc import Iterable, Sequence
from textwrap import fill

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
from ghostswap.kernel.slots import Design
from ghostswap.plan.answer import Plan
from ghostswap.plan.demand import MGLRU, Demand, DemandSource
from ghostswap.plan.designs import TooLarge
from ghostswap.plan.eviction import Eviction
from ghostswap.plan.sizing import EVICTION, Sizing
from ghostswap.report.fields import titled
from ghostswap.report.plan import DESIGN, SIZING, derivations
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS, Pool
from ghostswap.units import format_duration

SIZE_FIELDS = titled(SIZING)
SIZE_COLUMNS = columns(SIZE_FIELDS, words={"System"})
_DESIGN_FIELDS = titled(DESIGN, "Design", "Metadata", "Pool", "RAM", "Disk", "Writes back to")
_DESIGN_COLUMNS = columns(_DESIGN_FIELDS, words={"Design", "Writes back to"})
_WIDTH = 80  # columns of a terminal
_OF_ONE = "system,ratio,holds,at-worst,at-best,size,recommended"
_OF_SEVERAL = "ram,system,ratio,pool-limit,holds,size,recommended"
_GUESS_COLUMNS = (
    Column("KERNEL", right=True),
    Column("TIMES", right=True),
    Column("UNUSED", right=True),
    Column("METADATA", right=True),
)


def show(plans: Sequence[Plan], view: View, *, compare: bool, explain: bool) -> None:
    """Print the answer for one machine, a row each for several; with `compare` or columns that are
    asked for, all systems; with `explain`, how each figure comes about."""
    (first, *more), exact = plans, view.exact
    if not (more or view.columns):
        _show_answer(first, exact)
    if more or compare or view.columns:
        if not (more or view.columns):
            _titled("The same memory under other systems", view)
        rows = [
            cells(SIZE_FIELDS, sizing, exact)
            for each in plans
            for sizing in (each.sizing, *(each.others if compare or view.columns else ()))
        ]
        only = view.columns or (_OF_SEVERAL if more else _OF_ONE)
        print_table(SIZE_COLUMNS, rows, headings=view.headings, only=only)
    if compare and not (more or view.columns):
        _show_comparison(first, view)
    if explain:
        for each in plans:
            _show_derivations(each)


def _show_answer(plan: Plan, exact: bool) -> None:
    sizing, answer = plan.sizing, plan.answer
    size, exactly = (size_text(size, exact) for size in (answer.size_bytes, sizing.needed_bytes))
    rounded = "" if size == exactly else f" ({exactly} rounded up)"
    print(emphasised(f"Make it {size}{rounded}: {_setting(plan)}."))
    ratio = "taking no pool" if answer.ratio is None else f"at a ratio of {answer.ratio:.2f}"
    demand = size_text(answer.demand_bytes, exact)
    if sizing.footprint.refused_pages and plan.design is not Design.SWAPFILE and plan.demand:
        taken = size_text(sizing.footprint.taken_of(answer.demand_bytes), exact)
        print(f"Of {demand} {answer.demand_source}, {taken} would be swapped, {ratio}.")
    else:
        print(f"{demand} would be swapped{_DEMANDS[answer.demand_source]}, {ratio}.")
    print(_limit(plan, exact))
    print()
    for note in _notes(plan, exact):
        print(_wrapped(note))


def _wrapped(note: str) -> str:
    return fill(printable(note), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _notes(plan: Plan, exact: bool) -> Iterable[str]:
    sizing = plan.sizing
    if plan.demand is not None and plan.demand.source is DemandSource.IDLE:
        yield _idle(plan.demand, exact)
    if SYSTEMS[sizing.footprint.system].pool is Pool.ZRAM:
        yield (
            f"zram has no limit of its own: {sizing.limit.percent} % of RAM is set as its "
            "mem_limit (--max-pool-percent), the rest is for what is not swapped."
        )
    if plan.eviction is not None:
        yield _eviction(plan.eviction, exact)
    yield from _judgement(sizing, exact)
    yield from plan.input.notes
    yield f"From {plan.input.name}; within {sizing.error:.2%}; slots as Linux {plan.kernel} has."
    if plan.design is Design.SWAPFILE:
        yield (
            "A page keeps its slot in the file, be it in the pool or on disk. What zswap refuses, "
            "and what a full pool writes back, goes to disk."
        )
        if plan.demand is None:
            yield "How much else would go to disk is not known: --demand says it."
    yield "To set it up: --emit sh. Other systems, designs and sizes: --compare."


_DEMANDS = {
    DemandSource.COUNTED: ": all that was counted",
    DemandSource.IDLE: ": what is idle",
    DemandSource.GIVEN: ", as given",
    DemandSource.CAPACITY: ": what the pool holds",
}


def _setting(plan: Plan) -> str:
    """The design, system and algorithm."""
    system = plan.sizing.footprint.system
    row, algorithm = SYSTEMS[system], plan.sizing.footprint.algorithm
    by = f" with {algorithm}" if algorithm else ""
    name = str(system) if row.released else f"{system} (proposed)"
    if plan.design is Design.SWAPFILE:
        return f"a swapfile behind zswap{by}{' and KSM' if system is System.KSM else ''}"
    if row.design is Design.ZRAM:
        return f"a {name} device{by}"
    return (
        f"a ghost for zswap{by} behind KSM" if system is System.KSM else f"a ghost for {name}{by}"
    )


def _limit(plan: Plan, exact: bool) -> str:
    sizing = plan.sizing
    zram = SYSTEMS[sizing.footprint.system].pool is Pool.ZRAM
    name = "its mem_limit" if zram else "the pool"
    limit = f"{size_text(sizing.limit_bytes, exact)}, {sizing.limit.percent} % of RAM"
    if sizing.disk_bytes and sizing.limited_by == "pool":
        in_pool, rest = sizing.memory_of(sizing.used), size_text(sizing.disk_bytes, exact)
        return f"Limited by the pool: {limit}; {size_text(in_pool, exact)} in it, {rest} on disk."
    if sizing.limited_by == "demand":
        taken = size_text(sizing.footprint.pool_of(sizing.used), exact)
        return f"Limited by that: it takes {taken} of {name} ({limit})."
    least, most = (
        size_text(sizing.memory_of(slots), exact)
        for slots in (sizing.pessimistic, sizing.optimistic)
    )
    held = most if least == most else f"{least} to {most}"
    if plan.eviction is not None and sizing.limited_by == EVICTION:
        pool = size_text(plan.eviction.pool_bytes, exact)
        return f"Limited by --eviction: kubelet takes the pool for available, {pool} at most."
    if sizing.limited_by == "pool":
        return f"Limited by {name}: {limit}, holds {held}."
    return f"Limited by {sizing.limited_by} of the control group: it allows {held}."


def _show_comparison(plan: Plan, view: View) -> None:
    sizing, exact = plan.sizing, view.exact
    if view.headings:
        for note in _NOTES:
            print(_wrapped(note.format(sizing.limit.zram_percent)))
    _titled("Too large: what slots that are never used take of RAM", view)
    rows: Iterable[list[str]] = (_guess_row(each, sizing, exact) for each in plan.too_large)
    print_table(_GUESS_COLUMNS, rows, headings=view.headings)
    if view.headings:
        _show_too_small(plan, exact)
    _titled("The same memory under other designs", view)
    rows = (cells(_DESIGN_FIELDS, each, exact) for each in plan.designs)
    print_table(_DESIGN_COLUMNS, rows, headings=view.headings)


_NOTES = (
    "zram has no limit of its own: {} % of RAM is taken, to be its mem_limit.",
    "ksm: zswap behind KSM, whose merged pages share a slot: it HOLDS more than its SIZE.",
)


def _idle(demand: Demand, exact: bool) -> str:
    seconds, size = format_duration(demand.seconds or 0), size_text(demand.bytes, exact)
    if demand.tracker == MGLRU:
        return (
            f"{size} of this host is unused for {seconds}, by the kernel's generations. They tell "
            "no pages: the ratio is that of all that was measured, and idle pages may differ."
        )
    return f"Up to {size} is idle: nothing touched it for {seconds} ({demand.tracker})."


def _eviction(eviction: Eviction, exact: bool) -> str:
    threshold, kernel, reserved = (
        size_text(size, exact)
        for size in (eviction.threshold_bytes, eviction.kernel_bytes, eviction.reserved_bytes)
    )
    return (
        f"memory.available falls below {threshold} before memory runs out: {kernel} of the "
        f"kernel's and {reserved} that it keeps free count as available too, as they are now."
    )


def _judgement(sizing: Sizing, exact: bool) -> list[str]:
    lines = []
    if sizing.limit.group is not None:
        lines.append(_group(sizing.limit.group, sizing.limited_by, exact))
    if sizing.limited_by == "pool" and sizing.steady < sizing.used:
        least, most = (
            size_text(sizing.memory_of(slots), exact) for slots in (sizing.steady, sizing.used)
        )
        lines.append(
            f"Once full, the pool takes nothing until it is at {sizing.limit.accept_percent} % of"
            f" its limit: in the long run it holds {least} to {most}."
        )
    if sizing.unheld_bytes and not sizing.disk_bytes:
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
