"""The options that name what is measured: dumps and processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import options
from ghostswap.cli.help import READ
from ghostswap.host.processes import Selection
from ghostswap.idle.trackers import TrackerName
from ghostswap.pages.compressed import MAX_EXPANSION

if TYPE_CHECKING:
    from ghostswap.application.sources import Sources

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="SOURCE",
        help="Dumps of pages, also compressed; - is standard input.",
        show_default=False,
    ),
]
Pids = Annotated[
    list[int] | None,
    typer.Option(
        "-p", "--pid", metavar="PID", rich_help_panel=READ, help="A running process; repeatable."
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name", metavar="REGEX", rich_help_panel=READ, help="Processes so named; repeatable."
    ),
]
Users = Annotated[
    list[str] | None,
    typer.Option(
        "--user", metavar="NAME", rich_help_panel=READ, help="A user's processes; repeatable."
    ),
]
Cgroups = Annotated[
    list[str] | None,
    typer.Option(
        "--cgroup",
        metavar="PATH",
        rich_help_panel=READ,
        help="Processes of a control group and below; repeatable.",
    ),
]
Everyone = Annotated[
    bool, typer.Option("--all", rich_help_panel=READ, help="Every process but this one.")
]
Children = Annotated[
    bool,
    typer.Option(
        "--children", rich_help_panel=READ, help="Also all descendants of the processes named."
    ),
]
PageSize = Annotated[
    int | None,
    typer.Option(
        "--page-size",
        parser=options.size,
        metavar="SIZE",
        rich_help_panel=READ,
        help="Size of a page, as 16K (default: this machine's).",
    ),
]
Raw = Annotated[
    bool,
    typer.Option(
        "--raw", rich_help_panel=READ, help="Files are raw pages, whatever they look like."
    ),
]
MaxExpansion = Annotated[
    int | None,
    typer.Option(
        "--max-expansion",
        parser=options.number(1),
        metavar="N",
        rich_help_panel=READ,
        help="Unpack to N times a file's size at most (default: 1000).",
    ),
]

Idle = Annotated[
    float | None,
    typer.Option(
        "--idle",
        parser=options.duration,
        metavar="DURATION",
        rich_help_panel=READ,
        help="Only pages that nothing touches for so long, as 30s or 2min (root).",
    ),
]
Tracker = Annotated[
    TrackerName,
    typer.Option(
        "--tracker",
        rich_help_panel=READ,
        help="With --idle, what tells: /sys/kernel/mm/page_idle or DAMON.",
    ),
]


def named(
    files: Sequence[Path] | None,
    pids: Sequence[int] | None,
    names: Sequence[str] | None,
    users: Sequence[str] | None,
    cgroups: Sequence[str] | None,
    everyone: bool,
    children: bool,
    raw: bool,
    max_expansion: int | None,
) -> "Sources":
    """The sources that these options name; a list that was not given is None."""
    from ghostswap.application.sources import Sources  # only here, with NumPy

    processes = Selection(pids or (), names or (), users or (), cgroups or (), everyone, children)
    return Sources(files or (), processes, raw, max_expansion or MAX_EXPANSION)
