"""`ghostswap plan`: how large a swap area should be, and what a wrong guess costs."""

import math
import re
import sys
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.application.method import Idle
from ghostswap.cli import engine_options, kernel_rules, options, plot, sources
from ghostswap.cli.help import COMPRESS, MACHINE, READ, SHOW
from ghostswap.cli.progress import listener
from ghostswap.cli.render import DONE, View, choose_columns, print_json, warn
from ghostswap.errors import UsageError
from ghostswap.fleet.engine import EngineName
from ghostswap.idle.trackers import TrackerName
from ghostswap.kernel.slots import Design
from ghostswap.plan.demand import AskedDemand, DemandSource
from ghostswap.plan.enough import ZeroPages
from ghostswap.plan.eviction import Threshold
from ghostswap.report.form import Form
from ghostswap.systems.footprint import System
from ghostswap.units import format_size, parse_size

if TYPE_CHECKING:
    from ghostswap.plan.answer import Plan

_LEAST_RAM = 1 << 20  # bytes
_QUANTITY = re.compile(r"(\d{1,15})(?:([KMGT]i))?")
# What goes with --fleet alone, and what goes with it too, by the names of parameters.
_OF_FLEET_ALONE = {"engine", "master", "memory", "skip_bad"}
_OF_FLEET = _OF_FLEET_ALONE | {
    "fleet", "files", "system", "algorithm", "max_pool_percent", "margin", "kernel", "emit", "json",
    "exact", "no_headings", "columns", "quiet", "zero_pages",
}  # fmt: skip


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


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(parse_size(part) for part in text.split(","))
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


def _demand(text: str) -> AskedDemand:
    if text in (DemandSource.IDLE, DemandSource.CAPACITY):
        return AskedDemand(DemandSource(text))
    return AskedDemand(DemandSource.GIVEN, options.size(text))


def _eviction(text: str) -> Threshold:
    """A threshold as kubelet takes it; M is 1000² there and 1024² here, and so refused."""
    if match := _QUANTITY.fullmatch(text):
        return Threshold(bytes=options.size(f"{match[1]}{match[2]}B" if match[2] else match[1]))
    if text.endswith("%"):
        return Threshold(share=options.share(0, 1)(text))
    meant = f"; did you mean {text}i?" if _QUANTITY.fullmatch(f"{text}i") else ""
    raise typer.BadParameter(f"{text!r} is no threshold (examples: 100Mi, 10%){meant}")


def plan(
    context: typer.Context,
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
        AskedDemand | None,
        typer.Option(
            "--demand",
            parser=_demand,
            metavar="SIZE|idle|capacity",
            rich_help_panel=MACHINE,
            help="Memory to swap out; idle: what MGLRU calls unused; capacity: as the pool holds.",
        ),
    ] = None,
    eviction: Annotated[
        Threshold | None,
        typer.Option(
            "--eviction",
            parser=_eviction,
            metavar="100Mi|10%",
            rich_help_panel=MACHINE,
            help="Keep kubelet's memory.available truthful: swap so small that it evicts in time.",
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
    engine: engine_options.Engine = EngineName.DUCKDB,
    master: engine_options.Master = None,
    memory: engine_options.Memory = None,
    skip_bad: engine_options.SkipBad = False,
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
    # Only here: --help needs no NumPy.
    from ghostswap.application.planning import (
        PlanOptions,
        cautions,
        demand_asked,
        eviction_asked,
        input_asked,
        limits_asked,
        request_asked,
        system_asked,
    )
    from ghostswap.cli.outcome import status_of
    from ghostswap.cli.plan_view import SIZE_COLUMNS, show
    from ghostswap.plan.answer import plan as make_plan
    from ghostswap.report.plan import document

    short = None if design is None else design.design
    held_by = system_asked(system, short, emit)
    if fleet:
        options.only(context, _OF_FLEET, "does not go with --fleet")
        # Only here, since reading censuses takes more than other plans do.
        from ghostswap.application.fleet import MEMORY_BYTES, Asked
        from ghostswap.cli.plan_fleet import FLEET_COLUMNS, FleetRequest, show_plan

        engine_options.check(engine, master)
        if not files:
            raise UsageError("--fleet", "name censuses, or directories of some")
        choose_columns(FLEET_COLUMNS, columns)
        names = [algorithm] if algorithm else []
        asked_of_fleet = Asked(names, engine, master, memory or MEMORY_BYTES, skip_bad)
        request_of_fleet = FleetRequest(
            files,
            asked_of_fleet,
            held_by,
            max_pool_percent,
            margin or 0.0,
            zero_pages,
            emit,
            json,
            View(exact, not no_headings, columns),
            quiet,
        )
        return show_plan(
            request_of_fleet, kernel_rules.rules_by_options(kernel, ghost=True, quiet=quiet)
        )
    options.none(context, _OF_FLEET_ALONE, "goes with --fleet")
    if sum((json, number is not None, emit is not None)) > 1:
        raise UsageError("plan", "--json, --print and --emit: one at a time")
    if idle is None and tracker is not TrackerName.AUTO:
        raise UsageError("--tracker", "goes with --idle")
    machines = _sizes(ram) if ram is not None else ()
    if emit is not None and len(machines) > 1:
        raise UsageError("--emit", "sets up one machine: give --ram one size")
    asked = PlanOptions(
        sources.named(files, pid, name, user, cgroup, everyone, children, raw, max_expansion),
        held_by,
        short,
        ratio,
        live,
        margin,
        zero_pages,
        algorithm,
        page_size,
        quick,
        None if idle is None else Idle(idle, tracker),
        demand,
        machines,
        max_pool_percent,
        eviction,
        own_slots=kernel is not None,
        root=root,
    )
    asked.check()
    rules = kernel_rules.rules_by_options(kernel, ghost=True, quiet=quiet)
    choose_columns(SIZE_COLUMNS, columns)  # a wrong one is said before the work
    plot.check(picture)
    progress = listener(quiet)
    limits, swapped_out = limits_asked(asked, progress.warning), demand_asked(asked)
    signal = eviction_asked(asked)
    planned_from, census = input_asked(asked, rules, progress)
    status = DONE if census is None else status_of(census, quiet)
    request = request_asked(asked, rules, planned_from, swapped_out, signal)
    plans = [make_plan(planned_from, limit, request) for limit in limits]
    for caution in cautions(plans[0]):
        warn(caution, quiet)
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


def _print_number(plans: "list[Plan]", unit: Print) -> None:
    for each in plans:
        print(getattr(each.sizing, f"recommended_{unit}"))


def _emit(plan: "Plan", form: Form, path: Path | None) -> None:
    from ghostswap.report.setup import Setup, lines, usual_path

    file = usual_path(plan.design) if path is None else PurePosixPath(path)
    for line in lines(Setup.of(plan.sizing, plan.design, file, _program_folder()), form):
        print(line)


def _program_folder() -> PurePosixPath | None:
    """The folder of the `ghostswap` that runs; None where it was not started as a program."""
    started = Path(sys.argv[0]).absolute()
    beside_python = Path(sys.executable).with_name("ghostswap") if sys.executable else started
    programs = (path for path in (started, beside_python) if path.name == "ghostswap")
    return next((PurePosixPath(path.parent) for path in programs if path.is_file()), None)
