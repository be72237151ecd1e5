"""`ghostswap plan`: how large a swap area should be, and what a wrong guess costs."""

import math
import sys
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import kernel_rules, options, plot, sources
from ghostswap.cli.estimate import DEFAULT_ERROR, status_of
from ghostswap.cli.help import COMPRESS, MACHINE, READ, SHOW
from ghostswap.cli.measure import Wanted, measure
from ghostswap.cli.render import View, choose_columns, print_json, warn
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.kernel.zswap import DEFAULT_POOL_PERCENT
from ghostswap.signals import waits
from ghostswap.systems.footprint import System
from ghostswap.units import parse_size

if TYPE_CHECKING:
    from ghostswap.kernel.rules import Rules
    from ghostswap.plan.answer import Plan, PlanInput
    from ghostswap.plan.sizing import PoolLimit

STANDARD_INPUT = Path("-")
SLACK_WORTH_SAYING = 0.05  # of the pool
RATIO_MARGIN = 0.1  # of a ratio that somebody states: it is a guess


class Print(StrEnum):
    """The unit of the one number that another program wants."""

    PAGES = "pages"
    BYTES = "bytes"
    MIB = "mib"


class Emit(StrEnum):
    """Who is to read the lines that set the area up."""

    SH = "sh"
    FSTAB = "fstab"
    SYSTEMD = "systemd"
    ZRAM_GENERATOR = "zram-generator"


def _sizes(text: str) -> list[int]:
    try:
        found = [parse_size(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError("--ram", str(error)) from None
    if not all(found):
        raise UsageError("--ram", "a machine without RAM cannot swap")
    return found


def _share(text: str) -> float:
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        raise typer.BadParameter(f"not a share: {text!r} (examples: 10%, 0.1)") from None
    if not 0 <= share < 1:
        raise typer.BadParameter(f"{text} is not from 0% to below 100%")
    return share


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        raise typer.BadParameter(f"not a ratio: {text!r} (example: 3.2)") from None
    if not (math.isfinite(ratio) and 1e-3 <= ratio <= 1e6):
        raise typer.BadParameter(f"{text} is no ratio of memory to its compressed size")
    return ratio


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
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            parser=_share,
            metavar="SHARE",
            rich_help_panel=READ,
            help="Pages may be so far off (default: 0; --ratio: 10%).",
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
            help="Of RAM, for the pool (default: zswap's own, else 20).",
        ),
    ] = None,
    demand: Annotated[
        int | None,
        typer.Option(
            "--demand",
            parser=options.size,
            metavar="SIZE",
            rich_help_panel=MACHINE,
            help="Memory that will be swapped out, if it is known.",
        ),
    ] = None,
    system: Annotated[
        System | None,
        typer.Option(
            "--system",
            rich_help_panel=MACHINE,
            help="What holds the pages (default: zswap).",
        ),
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            rich_help_panel=COMPRESS,
            help="Compressor (default: lz4; of a REPORT, its first).",
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
        Emit | None,
        typer.Option("--emit", rich_help_panel=SHOW, help="Print the lines that set it up."),
    ] = None,
    path: Annotated[
        Path,
        typer.Option("--path", metavar="PATH", rich_help_panel=SHOW, help="Ghost file of --emit."),
    ] = Path("/var/swap/ghost"),
    picture: plot.Plot = None,
    json: options.Json = False,
    exact: options.Bytes = False,
    no_headings: options.NoHeadings = False,
    columns: options.Columns = None,
    root: options.Root = Path("/"),
    quiet: options.Quiet = False,
) -> int:
    """Say how large a swap area should be.

    It is what the pool of RAM can hold of such pages: those of an estimate, of dumps and processes,
    or of a ratio. With it, what a wrong size costs, and what other designs would take for the same
    memory.
    """
    named = sources.SourceOptions(
        files, pid, name, user, cgroup, everyone, children, raw, max_expansion
    )
    if named.any == (ratio is not None):
        raise UsageError("plan", "give an estimate, sources, or --ratio X: one of these")
    if sum((json, number is not None, emit is not None)) > 1:
        raise UsageError("plan", "--json, --print and --emit: one at a time")
    if quick and ratio is not None:
        raise UsageError("--quick", "needs pages to take a sample of")
    if demand == 0:
        raise UsageError("--demand", "nothing to swap out needs no swap")
    chosen = system or (System.ZRAM if emit is Emit.ZRAM_GENERATOR else System.ZSWAP)
    rules = kernel_rules.chosen_rules(kernel, None, ghost=True, no_writeback=False, quiet=quiet)

    from ghostswap.cli.plan_view import SIZE_COLUMNS, show
    from ghostswap.plan.answer import PlanRequest
    from ghostswap.plan.answer import plan as make_plan
    from ghostswap.report.plan import document

    choose_columns(SIZE_COLUMNS, columns)  # a wrong one is said before the work
    plot.check(picture)
    limits = _limits(root, ram, max_pool_percent)
    if emit is not None and len(limits) > 1:
        raise UsageError("--emit", "sets up one machine: give --ram one size")

    status = 0
    if ratio is not None:
        planned_from = _stated(ratio, chosen, page_size, rules)
    elif (report := _report(named)) is not None:
        planned_from = _estimated(report, algorithm)
    else:
        error = DEFAULT_ERROR if quick else None
        algorithms = [algorithm] if algorithm else []
        wanted = Wanted(named, rules, algorithms, page_size, error=error, quiet=quiet)
        planned_from, status = _measured(wanted)
    if planned_from.partial:
        raise GhostswapError(
            planned_from.name, "an interrupted estimate: a part does not tell the size"
        )
    request = PlanRequest(
        chosen,
        rules.version if kernel is not None else planned_from.rules.version,
        margin if margin is not None else RATIO_MARGIN if ratio is not None else 0.0,
        demand,
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
            show(plans, View(exact, not no_headings, columns), explain=explain)
    return status


def _limits(root: Path, ram: str | None, percent: int | None) -> list["PoolLimit"]:
    """The machines asked for; what is not said is read from the host below `root`."""
    from ghostswap.host.files import HostFiles
    from ghostswap.host.kernel import page_size as machine_page_size
    from ghostswap.host.memory import read_memory
    from ghostswap.host.zswap import read_zswap
    from ghostswap.plan.sizing import PoolLimit

    host = HostFiles(root)
    host.check()
    memory = read_memory(host)
    if percent is None:
        zswap = read_zswap(host, memory, {}, machine_page_size())
        percent = zswap.parameters.max_pool_percent if zswap is not None else None
    share = DEFAULT_POOL_PERCENT if percent is None else percent
    if not 1 <= share <= 100:
        raise UsageError("--max-pool-percent", f"{share} is not from 1 to 100")
    if ram is not None:
        return [PoolLimit(size, share) for size in _sizes(ram)]
    found = memory.mem_total
    if not found:
        raise GhostswapError(root / "proc/meminfo", "says no MemTotal; give --ram SIZE")
    return [PoolLimit(found, share)]


def _report(named: sources.SourceOptions) -> tuple[bytes, str] | None:
    """The text and name of the one estimate that was given; None where sources were."""
    from ghostswap.report.comparison import looks_like_json
    from ghostswap.report.saved import read_file

    def is_report(path: Path) -> bool:
        if path == STANDARD_INPUT or path.suffix == ".json":
            return True
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return looks_like_json(file.read(4096))

    files = [] if named.raw else list(named.files or ())
    reports = [path for path in files if is_report(path)]
    if not reports:
        return None
    if len(files) > 1 or named.live:
        raise UsageError(str(reports[0]), "an estimate stands alone; give it or sources, not both")
    (path,) = reports
    if path == STANDARD_INPUT:
        return _piped(), "standard input"
    return read_file(path), str(path)


def _piped() -> bytes:
    """The estimate on standard input; what begins otherwise is not read to its end."""
    from ghostswap.report.comparison import looks_like_json
    from ghostswap.report.saved import read_stream

    begin = sys.stdin.buffer.read(4096)
    if not looks_like_json(begin):
        raise GhostswapError(
            "standard input", "no estimate: pipe pages through 'ghostswap estimate-dedup --json -'"
        )
    return read_stream(sys.stdin.buffer, "standard input", begin)


def _estimated(report: tuple[bytes, str], algorithm: str | None) -> "PlanInput":
    from ghostswap.plan.answer import PlanInput
    from ghostswap.report.comparison import parse_estimate, read
    from ghostswap.report.saved import check

    text, name = report
    document = parse_estimate(text, name)
    check(document, name)
    return PlanInput.of_comparison(read(document, name), name, algorithm)


def _stated(ratio: float, system: System, page_size: int | None, rules: "Rules") -> "PlanInput":
    from ghostswap.host.kernel import page_size as machine_page_size
    from ghostswap.plan.answer import PlanInput

    if system not in (System.ZSWAP, System.ZRAM):
        raise UsageError("--ratio", f"says nothing of {system}; an estimate does")
    size = options.page_size(machine_page_size() if page_size is None else page_size)
    return PlanInput.of_ratio(ratio, size, rules)


def _measured(wanted: "Wanted") -> tuple["PlanInput", int]:
    """An estimate made now, and the exit status that says whether anything is missing from it."""
    from ghostswap.plan.answer import PlanInput
    from ghostswap.systems.comparison import compare

    census = measure(wanted).census
    if census.partial or waits():
        raise KeyboardInterrupt  # what was read until then does not tell how large
    name = ", ".join(source.facts.name for source in census.sources)
    planned_from = PlanInput.of_comparison(compare(census, wanted.rules), name, None)
    return planned_from, status_of(census, wanted.quiet)


def _warn(plan: "Plan") -> None:
    name, rules, footprint = plan.input.name, plan.input.rules, plan.sizing.footprint
    if plan.kernel != rules.version:
        warn(f"pools as Linux {rules.version} makes them, slots as {plan.kernel}", quiet=False)
    if footprint.slack > SLACK_WORTH_SAYING:
        warn(
            f"{name}: so few pages that up to {footprint.slack:.0%} of their pool may be zspages "
            "not full yet: measure more",
            quiet=False,
        )
    if footprint.refused_pages:
        warn(
            f"{footprint.system} refuses {footprint.refused_pages} of {footprint.total_pages} such "
            "pages: with a ghost they stay in RAM",
            quiet=False,
        )


def _print_number(plans: list["Plan"], unit: Print) -> None:
    for each in plans:
        sizing = each.sizing
        numbers = {
            Print.PAGES: sizing.recommended_pages,
            Print.BYTES: sizing.recommended_bytes,
            Print.MIB: sizing.recommended_mib,
        }
        print(numbers[unit])


def _emit(plan: "Plan", form: Emit, path: Path) -> None:
    from ghostswap.report.setup import Form, Setup, lines

    for line in lines(Setup.of(plan.sizing, PurePosixPath(path), _program_folder()), Form(form)):
        print(line)


def _program_folder() -> PurePosixPath | None:
    """The folder of the `ghostswap` that runs; None where it was not started as a program."""
    started = Path(sys.argv[0]).absolute()
    beside_python = Path(sys.executable).with_name("ghostswap") if sys.executable else started
    programs = (path for path in (started, beside_python) if path.name == "ghostswap")
    return next((PurePosixPath(path.parent) for path in programs if path.is_file()), None)
