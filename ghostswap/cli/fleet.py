"""`ghostswap fleet`: what many hosts would save, each for itself and together."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ghostswap.application.fleet import MEMORY_BYTES, Asked
from ghostswap.application.fleet import fleet as count
from ghostswap.census.salt import new_salt
from ghostswap.cli import engine_options, kernel_rules, options, plot
from ghostswap.cli.fleet_view import SYSTEM_COLUMNS, show
from ghostswap.cli.help import COMPRESS, SHOW
from ghostswap.cli.render import (
    DONE,
    REFUSED,
    View,
    choose_columns,
    note,
    print_json,
    warn,
)
from ghostswap.errors import UsageError
from ghostswap.fleet.engine import EngineName, Progress
from ghostswap.fleet.inventory import Inventory, census_files, take_stock
from ghostswap.report.fleet import document

MOST_LINES = 8
_PAIRS_DRAWN = 4096  # at the most; all pairs of 90 hosts


def fleet(
    censuses: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CENSUS|DIRECTORY",
            help="What estimate-dedup --save --host wrote; of a directory, all *.parquet.",
            show_default=False,
        ),
    ] = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            "--algorithm",
            metavar="NAME",
            rich_help_panel=COMPRESS,
            help="Only this one of those that the files have; repeatable.",
        ),
    ] = None,
    engine: engine_options.Engine = EngineName.DUCKDB,
    master: engine_options.Master = None,
    memory: engine_options.Memory = None,
    skip_bad: engine_options.SkipBad = False,
    kernel: kernel_rules.Kernel = None,
    zpool: kernel_rules.Zpool = None,
    ghost: kernel_rules.Ghost = False,
    no_writeback: kernel_rules.NoWriteback = False,
    min_hosts: Annotated[
        int,
        typer.Option(
            "--min-hosts",
            parser=options.number(1),
            metavar="K",
            rich_help_panel=SHOW,
            show_default=False,
            help="How many contents are on K hosts or more (default: 2).",
        ),
    ] = 2,
    pairs: Annotated[
        int,
        typer.Option(
            "--pairs",
            parser=options.number(0, 100_000),
            metavar="N",
            rich_help_panel=SHOW,
            show_default=False,
            help="The N pairs of hosts that share most (default: 10).",
        ),
    ] = 10,
    new_salt_file: Annotated[
        Path | None,
        typer.Option(
            "--new-salt-file",
            metavar="FILE",
            rich_help_panel=SHOW,
            help="Only make the key that all hosts are to have.",
        ),
    ] = None,
    picture: plot.Plot = None,
    as_json: options.Json = False,
    exact: options.Bytes = False,
    noheadings: options.NoHeadings = False,
    output: options.Columns = None,
    quiet: options.Quiet = False,
) -> int:
    """Say what many hosts would save, and what they share.

    Counts each host's newest census, host by host and as if contents were shared.
    """
    if new_salt_file is not None:
        if censuses:
            raise UsageError("--new-salt-file", "makes a key and counts nothing: give no census")
        new_salt(new_salt_file)
        return DONE
    if not censuses:
        raise UsageError("fleet", "name a census or a directory of some: 'ghostswap help fleet'")
    engine_options.check(engine, master)
    choose_columns(SYSTEM_COLUMNS, output)  # a wrong one is said before the work
    plot.check(picture)
    rules = kernel_rules.rules_by_options(
        kernel, zpool, ghost=ghost, no_writeback=no_writeback, quiet=quiet
    )
    inventory = stock(censuses, skip_bad=skip_bad, quiet=quiet)
    counted = pairs if picture is None else max(pairs, _PAIRS_DRAWN)
    asked = Asked(algorithm or (), engine, master, memory or MEMORY_BYTES, skip_bad, counted)
    surveyed = count(inventory, rules, asked, lambda: fleet_progress(quiet))
    shown = replace(surveyed, pairs=surveyed.pairs[:pairs])
    with plot.afterwards((picture, lambda path: plot.plot_fleet(surveyed, path))):
        if as_json:
            print_json(document(shown, min_hosts))
        else:
            show(shown, min_hosts, View(exact=exact, headings=not noheadings, columns=output))
    return status_of(list(map(str, surveyed.left_out)))


def stock(censuses: Sequence[Path], *, skip_bad: bool, quiet: bool) -> Inventory:
    """What the censuses say of themselves, having told what is worth saying."""
    inventory = take_stock(census_files(censuses), skip_bad=skip_bad)
    for line in inventory.notes[:MOST_LINES]:
        note(line, quiet)
    return inventory


def status_of(left_out: Sequence[str]) -> int:
    """The exit status, having said which files are left out, and why."""
    for why in left_out[:MOST_LINES]:
        warn(f"left out: {why}", quiet=False)
    if len(left_out) > MOST_LINES:
        warn(f"left out: {len(left_out) - MOST_LINES} more; --json has them all", quiet=False)
    return REFUSED if left_out else DONE


@contextmanager
def fleet_progress(quiet: bool) -> Iterator[Progress]:
    """What is being asked, on stderr where that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda question, done, known: None
        return

    def report(question: str, done: int, known: int) -> None:
        of = f" {done} of {known}" if known else ""
        print(f"\r\x1b[K{question}{of}", end="", file=sys.stderr, flush=True)

    try:
        yield report
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
