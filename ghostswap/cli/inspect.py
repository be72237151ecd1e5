"""`ghostswap inspect`: what a file or device is as a swap area, or how this host swaps."""

from pathlib import Path
from typing import Annotated

import typer

from ghostswap.cli import options
from ghostswap.errors import UsageError

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", help="Swap files and devices; none: the live host."),
]
Cgroups = Annotated[
    bool, typer.Option("--cgroups", help="Also show control groups: zswap, ages of memory.")
]
Watch = Annotated[
    float | None,
    typer.Option("--watch", metavar="SECONDS", help="Show the host again and again, until Ctrl-C."),
]
OpenMetrics = Annotated[
    bool,
    typer.Option("--openmetrics", help="Print OpenMetrics, as node_exporter takes it."),
]


# What goes with PATH, by the names of parameters.
_OF_FILES = {"paths", "fix", "json", "exact", "no_headings", "quiet"}


def inspect(
    context: typer.Context,
    paths: Paths = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend PATH where that is safe and local to it.")
    ] = False,
    cgroups: Cgroups = False,
    watch: Watch = None,
    openmetrics: OpenMetrics = False,
    json: options.Json = False,
    exact: options.Bytes = False,
    no_headings: options.NoHeadings = False,
    columns: options.Columns = None,
    root: options.Root = Path("/"),
    quiet: options.Quiet = False,
) -> int:
    """Explain swap files and devices, or how this host swaps.

    Of each PATH, what it is, and whether swapon(2) would take it or why not. Without PATH, the
    swap areas, zswap, zram and KSM of this host.
    """
    if paths:
        options.only(context, _OF_FILES, "is for the host: name no PATH")
        from ghostswap.cli.inspect_file import show_files

        return show_files(paths, fix=fix, json=json, exact=exact, quiet=quiet)

    if fix:
        raise UsageError("--fix", "mends swap files: name a PATH")
    from ghostswap.cli.inspect_host import HostView, show_host

    show_host(
        HostView(root, json, openmetrics, exact, not no_headings, columns, cgroups), watch=watch
    )
    return 0
