"""`ghostswap estimate-dedup`: what compressed swap and page dedup would save for these pages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import options, sources
from ghostswap.cli.render import Column, emphasised, print_json, print_table, size_text, warn
from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.census.table import Census
    from ghostswap.models.figures import Figures

PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)


def estimate_dedup(
    files: sources.Files = None,
    pid: sources.Pids = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option("--algorithm", metavar="NAME", help="Compressor (default lz4); repeatable."),
    ] = None,
    page_size: Annotated[
        int | None,
        typer.Option(
            "--page-size", parser=options.size, metavar="SIZE", help="Default: this machine's."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, metavar="N", help="Processes (default: all CPUs)."),
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
    named = sources.SourceOptions(files, pid)
    if not named.any:
        raise UsageError("estimate-dedup", "name a dump or a process (--pid PID). Try --help")

    from ghostswap.census import codecs
    from ghostswap.census.scan import scan
    from ghostswap.cli.progress import page_progress
    from ghostswap.host.kernel import page_size as machine_page_size
    from ghostswap.host.kernel import running_kernel
    from ghostswap.report import estimate

    size = page_size or machine_page_size()
    if size not in PAGE_SIZES:
        raise UsageError("--page-size", f"{size} is not one of {', '.join(map(str, PAGE_SIZES))}")
    chosen = [codecs.find(name) for name in dict.fromkeys(algorithm or ["lz4"])]
    opened = sources.open_sources(named, size)
    with page_progress(quiet) as progress:
        census = scan(opened, size, chosen, jobs=jobs, progress=progress)
    systems = estimate.figures(census)
    if as_json:
        print_json(estimate.document(census, systems, str(running_kernel(Path("/")))))
    else:
        _show(census, systems, exact=exact, headings=not noheadings, columns=output)
    return _status(census, quiet)


def _status(census: "Census", quiet: bool) -> int:
    """Exit status, having named what is missing from the result."""
    from ghostswap.cli.app import DONE, INTERRUPTED, REFUSED

    for source in census.sources:
        for warning in source.facts.warnings:
            # What makes the result incomplete is said also when warnings are not wanted.
            warn(f"{source.facts.name}: {warning}", quiet and not source.facts.incomplete)
    if census.partial:
        warn("interrupted: these are the pages read until then", quiet=False)
        return INTERRUPTED
    return REFUSED if any(source.facts.incomplete for source in census.sources) else DONE


def _show(
    census: "Census",
    systems: list["Figures"],
    *,
    exact: bool,
    headings: bool,
    columns: str | None,
) -> None:
    from ghostswap.report import estimate

    if headings:
        _show_pages(census, estimate.page_counts(census), exact)
    rows = [
        [
            str(entry.system),
            entry.algorithm or "-",
            size_text(entry.pool_bytes, exact),
            size_text(entry.metadata_bytes, exact),
            size_text(entry.ram_bytes, exact),
            size_text(entry.saved_bytes, exact),
            "-" if entry.ratio is None else f"{entry.ratio:.2f}",
        ]
        for entry in systems
    ]
    print_table(SYSTEM_COLUMNS, rows, headings=headings, chosen=columns)


SYSTEM_COLUMNS = (
    Column("SYSTEM"),
    Column("ALGORITHM"),
    Column("POOL", right=True),
    Column("METADATA", right=True),
    Column("RAM", right=True),
    Column("SAVED", right=True),
    Column("RATIO", right=True),
)


def _show_pages(census: "Census", counts: dict[str, int], exact: bool) -> None:
    names = ", ".join(source.facts.name for source in census.sources[:3])
    more = f" and {len(census.sources) - 3} more" if len(census.sources) > 3 else ""
    size = size_text(counts["total"] * census.page_size, exact)
    print(emphasised(f"{names}{more}: {counts['total']:,} pages, {size}"))
    for kind, meaning in (
        ("zero", "all zeros"),
        ("same_filled", "one word repeated"),
        ("distinct", "first of their content"),
        ("duplicate", "copies of those"),
    ):
        share = counts[kind] / counts["total"] if counts["total"] else 0.0
        print(f"  {kind.replace('_', '-'):<12}{counts[kind]:>12,}  {share:>6.1%}  {meaning}")
    print()
