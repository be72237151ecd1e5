"""`ghostswap inspect`: what a file or device is as a swap area, or how this host swaps."""

from pathlib import Path
from typing import Annotated

import typer

from ghostswap.cli import options

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH]...", help="Swap files and devices; none: the live host."),
]


def inspect(
    paths: Paths = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend PATH where that is safe and local to it.")
    ] = False,
    json: options.Json = False,
    exact: options.Bytes = False,
    no_headings: options.NoHeadings = False,
    columns: options.Columns = None,
    root: options.Root = Path("/"),
    quiet: options.Quiet = False,
) -> int:
    """Explain swap files and devices: would swapon(2) take them, and why not.

    Without PATH, show the swap, zswap, zram and KSM of this host.
    """
    if paths:
        from ghostswap.cli.inspect_file import show_files

        return show_files(paths, fix=fix, json=json, exact=exact, quiet=quiet)

    from ghostswap.cli.inspect_host import show_host

    show_host(root, json=json, exact=exact, headings=not no_headings, columns=columns)
    return 0
