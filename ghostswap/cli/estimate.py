"""`ghostswap estimate-dedup`: what compressed swap and page dedup would save for these pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import kernel_rules, options, sources
from ghostswap.cli.render import choose_columns, print_json, warn
from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.census.codecs import Codec
    from ghostswap.census.dedup import Group
    from ghostswap.census.table import Census
    from ghostswap.models.rules import Rules
    from ghostswap.pages.source import Source, Stream
    from ghostswap.report.estimate import Example

# Of --all, hundreds of processes may have something to say.
MOST_WARNINGS = 8
DEFAULT_ERROR = 0.005
PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)


class Engine(StrEnum):
    """What compresses the pages."""

    LIBRARY = "library"
    KERNEL = "kernel"


class GroupBy(StrEnum):
    """What pages are grouped by."""

    SOURCE = "source"
    MAPPING = "mapping"
    KIND = "kind"


def _fraction(text: str) -> float:
    """A percentage on the command line, with or without its sign, as a fraction."""
    try:
        percent = float(text.removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0.01 <= percent <= 50:
        raise typer.BadParameter(f"{text!r} is no percentage between 0.01% and 50%")
    return percent / 100


def estimate_dedup(
    files: sources.Files = None,
    pid: sources.Pids = None,
    name: sources.Names = None,
    user: sources.Users = None,
    cgroup: sources.Cgroups = None,
    everyone: sources.Everyone = False,
    children: sources.Children = False,
    raw: sources.Raw = False,
    max_expansion: sources.MaxExpansion = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            help="lz4 (default), lz4hc, zstd[:LEVEL], lzo, lzo-rle or deflate; repeatable.",
        ),
    ] = None,
    kernel: kernel_rules.Kernel = None,
    zpool: kernel_rules.ChosenZpool = None,
    ghost: kernel_rules.Ghost = False,
    no_writeback: kernel_rules.NoWriteback = False,
    page_size: Annotated[
        int | None,
        typer.Option(
            "--page-size", parser=options.size, metavar="SIZE", help="Default: this machine's."
        ),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option("--engine", help="What compresses: libraries, or this kernel's zram (root)."),
    ] = Engine.LIBRARY,
    verify: Annotated[
        bool, typer.Option("--verify", help="Use both engines and print the difference (root).")
    ] = False,
    group_by: Annotated[
        GroupBy | None, typer.Option("--group-by", help="Also count pages by group.")
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            parser=options.number(0),
            metavar="N",
            help="Show the N most copied contents, and how they begin.",
        ),
    ] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compress a sample only; dedup stays exact.")
    ] = False,
    error: Annotated[
        float | None,
        typer.Option(
            "--error",
            parser=_fraction,
            metavar="PERCENT",
            help="With --quick: how exact the pool is to be, 95 times in 100 (default 0.5%).",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", parser=options.number(0, 2**64 - 1), metavar="N", help="Another sample."
        ),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", parser=options.number(1), metavar="N", help="Processes (default: all CPUs)."
        ),
    ] = None,
    as_json: options.Json = False,
    exact: options.Bytes = False,
    noheadings: options.NoHeadings = False,
    output: options.Columns = None,
    quiet: options.Quiet = False,
) -> int:
    """Estimate what zram, zswap, dedup and KSM would save.

    Reads raw page dumps, ELF cores and running processes, which run on undisturbed.
    """
    named = sources.SourceOptions(
        files, pid, name, user, cgroup, everyone, children, raw, max_expansion
    )
    if not named.any:
        raise UsageError("estimate-dedup", "name a dump or a process (--pid PID). Try --help")

    from ghostswap.census.sample import Sampling
    from ghostswap.census.scan import scan
    from ghostswap.cli.estimate_view import SYSTEM_COLUMNS, View, show
    from ghostswap.cli.progress import page_progress
    from ghostswap.host.kernel import page_size as machine_page_size
    from ghostswap.models.figures import System
    from ghostswap.models.pool_cost import pool_cost
    from ghostswap.report.estimate import Estimate, document, figures

    size = page_size or machine_page_size()
    if size not in PAGE_SIZES:
        raise UsageError("--page-size", f"{size} is not one of {', '.join(map(str, PAGE_SIZES))}")
    choose_columns(SYSTEM_COLUMNS, output)  # a wrong one is said before the work
    rules = kernel_rules.chosen_rules(kernel, zpool, ghost=ghost, no_writeback=no_writeback)
    cost = pool_cost(System.ZRAM, rules, size)
    sampling = Sampling(error or DEFAULT_ERROR, cost) if quick else None
    names = list(dict.fromkeys(algorithm or ["lz4"]))
    if verify or engine is Engine.KERNEL:
        jobs = 1  # a device holds one page at a time
    with _codecs(names, size, rules, engine, verify=verify) as codecs:
        opened = sources.open_sources(named, size)
        with page_progress(quiet) as progress:
            census = scan(
                opened,
                size,
                codecs,
                jobs=jobs,
                seed=seed,
                sampling=sampling,
                progress=progress,
            )
    estimate = Estimate(
        census,
        rules,
        figures(census, rules),
        tuple(_groups(census, group_by)),
        tuple(_examples(census, opened, top)),
    )
    if as_json:
        print_json(document(estimate))
    else:
        show(estimate, View(exact=exact, headings=not noheadings, columns=output))
    return status_of(census, quiet)


@contextmanager
def _codecs(
    names: list[str], page_size: int, rules: "Rules", engine: Engine, *, verify: bool
) -> Iterator[list["Codec"]]:
    """The compressors of these names, and the kernel's beside them or in their place."""
    from ghostswap.census import codecs
    from ghostswap.census.kernel_engine import kernel_codecs
    from ghostswap.report.estimate import IN_KERNEL

    if verify:
        libraries = [codecs.find(name) for name in names]
        with kernel_codecs(names, page_size, rules, suffix=IN_KERNEL) as found:
            yield libraries + found
    elif engine is Engine.KERNEL:
        with kernel_codecs(names, page_size, rules) as found:
            yield found
    else:
        yield [codecs.find(name) for name in names]


def _groups(census: "Census", by: GroupBy | None) -> list["Group"]:
    from ghostswap.census import dedup

    measured = census.measured[0]
    match by:
        case GroupBy.SOURCE:
            return dedup.by_source(census, measured)
        case GroupBy.MAPPING:
            return dedup.by_mapping(census, measured)
        case GroupBy.KIND:
            return dedup.by_kind(census, measured)
        case None:
            return []


def _examples(
    census: "Census", opened: list["Source | Stream"], number: int
) -> Iterator["Example"]:
    from ghostswap.census.dedup import most_copied
    from ghostswap.pages.preview import preview
    from ghostswap.report.estimate import Example

    for found in most_copied(census, number):
        source, page = found.example
        begins = preview(opened[source], page, census.page_size, found.hash, census.seed)
        yield Example(f"{found.hash:016x}", found.copies, found.sources, begins.hex())


def status_of(census: "Census", quiet: bool) -> int:
    """Exit status, having named what is missing from the result."""
    from ghostswap.cli.app import DONE, INTERRUPTED, REFUSED

    warnings = [
        # What makes the result incomplete is said first, and also when warnings are not wanted.
        (not source.facts.incomplete, f"{source.facts.name}: {warning}")
        for source in census.sources
        for warning in source.facts.warnings
    ]
    warnings.sort(key=lambda warning: warning[0])
    for optional, warning in warnings[:MOST_WARNINGS]:
        warn(warning, quiet and optional)
    if len(warnings) > MOST_WARNINGS:
        warn(f"{len(warnings) - MOST_WARNINGS} more warnings; --json has them all", quiet)
    if census.partial:
        warn("interrupted: these are the pages read until then", quiet=False)
        return INTERRUPTED
    return REFUSED if any(source.facts.incomplete for source in census.sources) else DONE
