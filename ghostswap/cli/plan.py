"""`ghostswap plan`: how large a swap area should be, and what a wrong guess costs."""

import math
import sys
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from ghostswap.application.algorithm import algorithm_of_host
from ghostswap.application.estimate import estimate
from ghostswap.application.measure import Idle, Method, saved_censuses
from ghostswap.application.plan import (
    input_of_estimate,
    input_of_live,
    input_of_ratio,
    input_of_report,
    pool_limits,
    report_among,
    unused_memory,
)
from ghostswap.cli import kernel_rules, options, plot, sources
from ghostswap.cli.estimate import DEFAULT_ERROR, status_of
from ghostswap.cli.help import COMPRESS, MACHINE, READ, SHOW
from ghostswap.cli.plan_view import SIZE_COLUMNS, show
from ghostswap.cli.progress import listener
from ghostswap.cli.render import View, choose_columns, print_json, warn
from ghostswap.errors import UsageError
from ghostswap.idle.trackers import TrackerName
from ghostswap.kernel.slots import Design
from ghostswap.plan.answer import Plan, PlanRequest
from ghostswap.plan.answer import plan as make_plan
from ghostswap.plan.demand import Demand, DemandSource
from ghostswap.plan.enough import ZeroPages
from ghostswap.report.plan import document
from ghostswap.report.setup import Form, Setup, lines
from ghostswap.signals import waits
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS
from ghostswap.units import format_size, parse_size

SLACK_WORTH_SAYING = 0.05  # of the pool
_LEAST_RAM = 1 << 20  # bytes


class DesignChoice(StrEnum):
    """What --design can set up, by a short name."""

    GHOST = "ghost"
    SWAPFILE = "swapfile"
    ZRAM = "zram"

    @property
    def design(self) -> Design:
        """The design so called."""
        return Design.SWAPFILE if self is DesignChoice.SWAPFILE else Design(self.value)


class Print(StrEnum):
    """The unit of the one number that another program wants."""

    PAGES = "pages"
    BYTES = "bytes"
    MIB = "mib"


def _sizes(text: str) -> list[int]:
    try:
        sizes = [parse_size(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError("--ram", str(error)) from None
    for part, size in zip(text.split(","), sizes, strict=True):
        if size < _LEAST_RAM:
            raise UsageError("--ram", _too_little_ram(part.strip(), size))
    return sizes


def _too_little_ram(text: str, size: int) -> str:
    if size == 0:
        return "a machine without RAM cannot swap"
    meant = f"; did you mean {text}{'G' if size < 1024 else 'M'}?" if text.isdecimal() else ""
    return f"{text} is {format_size(size)}, and no machine has so little{meant}"


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        raise typer.BadParameter(f"not a ratio: {text!r} (example: 3.2)") from None
    if not (math.isfinite(ratio) and 1e-3 <= ratio <= 1e6):
        raise typer.BadParameter(f"{text} is no ratio of memory to its compressed size")
    return ratio


@dataclass(frozen=True, slots=True)
class _Demand:
    """What --demand says; `bytes` are those of a size."""

    source: DemandSource
    bytes: int | None = None


def _demand(text: str) -> _Demand:
    if text in (DemandSource.IDLE, DemandSource.CAPACITY):
        return _Demand(DemandSource(text))
    return _Demand(DemandSource.GIVEN, options.size(text))


def plan(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="REPORT|SOURCE",
            help="An estimate (estimate-dedup --json; - for standard input), or what to estimate.",
            show_default=False,
        ),
    ] = None,
    pid: sources.Pids = None,
    name: sources.Names = None,
    user: sources.Users = None,
    cgroup: sources.Cgroups = None,
    everyone: sources.Everyone = False,
    children: sources.Children = False,
    raw: sources.Raw = False,
    max_expansion: sources.MaxExpansion = None,
    ratio: Annotated[
        float | None,
        typer.Option(
            "--ratio",
            parser=_ratio,
            metavar="X",
            rich_help_panel=READ,
            help="State a ratio instead of measuring, such as 3.2.",
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            rich_help_panel=READ,
            help="Take the ratio that zswap or zram has here now; no page is read.",
        ),
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            parser=options.share(0, 0.99),
            metavar="SHARE",
            rich_help_panel=READ,
            help="Pages may be so far off (default: 0; --ratio: 10%).",
        ),
    ] = None,
    zero_pages: Annotated[
        ZeroPages | None,
        typer.Option(
            "--zero-pages",
            rich_help_panel=READ,
            help="Whether zero pages of dumps were in use (default: exclude).",
        ),
    ] = None,
    ram: Annotated[
        str | None,
        typer.Option(
            "--ram",
            metavar="SIZE,…",
            rich_help_panel=MACHINE,
            help="RAM, of several machines too (default: this host's).",
        ),
    ] = None,
    max_pool_percent: Annotated[
        int | None,
        typer.Option(
            "--max-pool-percent",
            metavar="N",
            rich_help_panel=MACHINE,
            help="Of RAM, for the pool (default: zswap's own, else 20; zram: 50).",
        ),
    ] = None,
    demand: Annotated[
        _Demand | None,
        typer.Option(
            "--demand",
            parser=_demand,
            metavar="SIZE|idle|capacity",
            rich_help_panel=MACHINE,
            help="Memory to swap out; idle: what MGLRU calls unused; capacity: as the pool holds.",
        ),
    ] = None,
    idle: sources.Idle = None,
    tracker: sources.Tracker = TrackerName.AUTO,
    system: Annotated[
        System | None,
        typer.Option(
            "--system",
            rich_help_panel=MACHINE,
            help="What holds the pages (default: zswap).",
        ),
    ] = None,
    design: Annotated[
        DesignChoice | None,
        typer.Option(
            "--design",
            rich_help_panel=MACHINE,
            help="What has the slots (default: ghost; of zram systems zram).",
        ),
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            rich_help_panel=COMPRESS,
            help="Compressor (default: this host's; of a REPORT, its first).",
        ),
    ] = None,
    kernel: Annotated[
        str | None,
        typer.Option(
            "--kernel",
            metavar="VERSION",
            rich_help_panel=MACHINE,
            help="Whose slots, as 6.1 (default: the estimate's kernel).",
        ),
    ] = None,
    page_size: sources.PageSize = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", rich_help_panel=COMPRESS, help="Compress a sample only."),
    ] = False,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            rich_help_panel=SHOW,
            help="Show other systems and designs, and what wrong sizes cost.",
        ),
    ] = False,
    explain: Annotated[
        bool,
        typer.Option("--explain", rich_help_panel=SHOW, help="Show how each figure comes about."),
    ] = False,
    number: Annotated[
        Print | None,
        typer.Option(
            "--print", rich_help_panel=SHOW, help="The recommended size alone, a plain number."
        ),
    ] = None,
    emit: Annotated[
        Form | None,
        typer.Option("--emit", rich_help_panel=SHOW, help="Print the lines that set it up."),
    ] = None,
    fleet: Annotated[
        bool,
        typer.Option(
            "--fleet",
            rich_help_panel=READ,
            help="The arguments are censuses of many hosts: one rule for all.",
        ),
    ] = False,
    path: Annotated[
        Path | None,
        typer.Option(
            "--path",
            metavar="PATH",
            rich_help_panel=SHOW,
            help="The file of --emit (default: /var/swap/ghost or /var/swap/swapfile).",
        ),
    ] = None,
    picture: plot.Plot = None,
    json: options.Json = False,
    exact: options.Bytes = False,
    no_headings: options.NoHeadings = False,
    columns: options.Columns = None,
    root: options.Root = Path("/"),
    quiet: options.Quiet = False,
) -> int:
    """Say how large a swap area should be.

    It is what would be swapped of the pages of an estimate, of dumps and processes, as far as the
    pool of RAM can hold it. With --compare, what a wrong size costs, and what other systems and
    designs would take for the same memory.
    """
    wants_zram = emit is Form.ZRAM_GENERATOR or design is DesignChoice.ZRAM
    held_by = system or (System.ZRAM if wants_zram else System.ZSWAP)
    if fleet:
        for option, given in (
            ("--pid", pid),
            ("--name", name),
            ("--user", user),
            ("--cgroup", cgroup),
            ("--all", everyone),
            ("--children", children),
            ("--raw", raw),
            ("--ratio", ratio is not None),
            ("--live", live),
            ("--ram", ram is not None),
            ("--demand", demand is not None),
            ("--idle", idle is not None),
            ("--page-size", page_size is not None),
            ("--quick", quick),
            ("--explain", explain),
            ("--compare", compare),
            ("--zero-pages", zero_pages),
            ("--design", design),
            ("--print", number is not None),
            ("--plot", picture is not None),
        ):
            if given:
                raise UsageError(option, "does not go with --fleet")
        # Only here, since reading censuses takes more than other plans do.
        from ghostswap.cli.plan_fleet import FLEET_COLUMNS, FleetRequest, show_plan

        if not files:
            raise UsageError("--fleet", "name censuses, or directories of some")
        choose_columns(FLEET_COLUMNS, columns)
        request_of_fleet = FleetRequest(
            files,
            held_by,
            algorithm,
            max_pool_percent,
            margin or 0.0,
            emit,
            json,
            View(exact, not no_headings, columns),
            quiet,
        )
        return show_plan(
            request_of_fleet, kernel_rules.rules_by_options(kernel, ghost=True, quiet=quiet)
        )
    measured = sources.named(files, pid, name, user, cgroup, everyone, children, raw, max_expansion)
    # Of a group beside an estimate or a ratio the limits are meant, and not the pages.
    unmeasured = sources.named(files, pid, name, user, (), everyone, children, raw, max_expansion)
    no_pages = live or ratio is not None
    if live and ratio is not None:
        raise UsageError("--live", "takes the ratio of this host: goes without --ratio")
    if bool(files or (unmeasured if no_pages else measured).live) == no_pages:
        raise UsageError("plan", "give an estimate, sources, --live, or --ratio X: one of these")
    if sum((json, number is not None, emit is not None)) > 1:
        raise UsageError("plan", "--json, --print and --emit: one at a time")
    if zero_pages is not None and no_pages:
        raise UsageError("--zero-pages", "needs dumps: a ratio has none")
    if quick and no_pages:
        raise UsageError("--quick", "needs pages to take a sample of")
    if demand is not None and demand.bytes == 0:
        raise UsageError("--demand", "nothing to swap out needs no swap")
    if idle is not None and (no_pages or quick):
        option = "--live" if live else "--ratio" if ratio is not None else "--quick"
        raise UsageError("--idle", f"measures a sample of pages: goes without {option}")
    if idle is not None and demand is not None and demand.source is DemandSource.IDLE:
        raise UsageError("--idle", "measures how much is idle: goes without --demand idle")
    if idle is None and tracker is not TrackerName.AUTO:
        raise UsageError("--tracker", "goes with --idle")
    if design is not None and (SYSTEMS[held_by].design is Design.ZRAM) != (
        design is DesignChoice.ZRAM
    ):
        raise UsageError("--design", f"{design} does not hold the slots of {held_by}")
    rules = kernel_rules.rules_by_options(kernel, ghost=True, quiet=quiet)
    choose_columns(SIZE_COLUMNS, columns)  # a wrong one is said before the work
    plot.check(picture)
    group = cgroup[0] if cgroup and len(cgroup) == 1 else None
    limits = pool_limits(root, _sizes(ram) if ram is not None else (), max_pool_percent, group)
    if group is not None and limits[0].group is None:
        warn(f"{group}: no control group of version 2 here, so its limits are not known", quiet)
    if cgroup and group is None:
        warn("limits of several control groups do not add up: sized as if they had none", quiet)
    swapped_out = None
    if demand is not None and demand.bytes is not None:
        swapped_out = Demand(demand.bytes, DemandSource.GIVEN)
    elif demand is not None and demand.source is DemandSource.IDLE:
        swapped_out = unused_memory(root)
    if emit is not None and len(limits) > 1:
        raise UsageError("--emit", "sets up one machine: give --ram one size")

    status = 0
    if ratio is not None:
        planned_from = input_of_ratio(ratio, held_by, page_size, rules)
    elif live:
        planned_from = input_of_live(root, held_by, rules, margin_stated=margin is not None)
    elif (report := report_among(unmeasured)) is not None:
        if idle is not None:
            raise UsageError("--idle", "goes with processes: an estimate is of the pages it is of")
        planned_from = input_of_report(
            report, algorithm, zero_pages, margin_stated=margin is not None
        )
    else:
        own = None
        if algorithm is None and not saved_censuses(measured):
            own = algorithm_of_host(root, held_by)
            algorithm = own.name
            if own.replaced:
                warn(own.why, quiet)
        sampled = quick or (own is not None and own.slow and idle is None)
        method = Method(
            [algorithm] if algorithm else [],
            page_size,
            error=DEFAULT_ERROR if sampled else None,
            idle=None if idle is None else Idle(idle, tracker),
        )
        result = estimate(measured, method, rules, listener=listener(quiet))
        if result.comparison.partial or waits():
            raise KeyboardInterrupt  # what was read until then does not tell how large
        planned_from = input_of_estimate(result, None, zero_pages, margin_stated=margin is not None)
        if own is not None:
            planned_from = replace(planned_from, notes=(own.why,))
        status = status_of(result.census, quiet)
    request = PlanRequest(
        held_by,
        rules.version if kernel is not None else planned_from.rules.version,
        margin,
        swapped_out,
        fill=demand is not None and demand.source is DemandSource.CAPACITY,
        design=None if design is None else design.design,
    )
    plans = [make_plan(planned_from, limit, request) for limit in limits]
    if not quiet:
        _warn(plans[0])
    with plot.afterwards((picture, lambda file: plot.plot_plan(plans, file))):
        if json:
            print_json(document(plans, request))
        elif number is not None:
            _print_number(plans, number)
        elif emit is not None:
            _emit(plans[0], emit, path)
        else:
            show(plans, View(exact, not no_headings, columns), compare=compare, explain=explain)
    return status


def _warn(plan: Plan) -> None:
    name, rules, footprint = plan.input.name, plan.input.rules, plan.sizing.footprint
    if plan.kernel != rules.version:
        warn(f"pools as Linux {rules.version} makes them, slots as {plan.kernel}", quiet=False)
    if footprint.slack > SLACK_WORTH_SAYING:
        warn(
            f"{name}: so few pages that up to {footprint.slack:.0%} of their pool may be zspages "
            "not full yet: measure more",
            quiet=False,
        )
    if left_out := plan.input.left_out_pages:
        everything = left_out + footprint.total_pages
        warn(
            f"{name}: {left_out:,} zero pages of {everything:,} are left out: a dump has them also "
            "for memory never touched (--zero-pages include)",
            quiet=False,
        )
    if footprint.refused_pages:
        on_disk = plan.design is Design.SWAPFILE
        warn(
            f"{footprint.system} refuses {footprint.refused_pages} of {footprint.total_pages} such "
            f"pages: {'they go to disk' if on_disk else 'with a ghost they stay in RAM'}",
            quiet=False,
        )


def _print_number(plans: list[Plan], unit: Print) -> None:
    for each in plans:
        sizing = each.sizing
        numbers = {
            Print.PAGES: sizing.recommended_pages,
            Print.BYTES: sizing.recommended_bytes,
            Print.MIB: sizing.recommended_mib,
        }
        print(numbers[unit])


def _emit(plan: Plan, form: Form, path: Path | None) -> None:
    name = "swapfile" if plan.design is Design.SWAPFILE else "ghost"
    file = PurePosixPath(path or Path("/var/swap") / name)
    for line in lines(Setup.of(plan.sizing, plan.design, file, _program_folder()), form):
        print(line)


def _program_folder() -> PurePosixPath | None:
    """The folder of the `ghostswap` that runs; None where it was not started as a program."""
    started = Path(sys.argv[0]).absolute()
    beside_python = Path(sys.executable).with_name("ghostswap") if sys.executable else started
    programs = (path for path in (started, beside_python) if path.name == "ghostswap")
    return next((PurePosixPath(path.parent) for path in programs if path.is_file()), None)
