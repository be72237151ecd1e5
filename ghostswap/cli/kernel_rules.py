"""Whose rules an estimate follows: the options that choose a kernel and how its zswap is set up."""

from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli.help import RULES
from ghostswap.cli.render import warn
from ghostswap.errors import UsageError
from ghostswap.kernel.version import KernelVersion, beyond_known
from ghostswap.kernel.zswap import Allocator

if TYPE_CHECKING:
    from ghostswap.kernel.rules import Rules

Kernel = Annotated[
    str | None,
    typer.Option(
        "--kernel",
        metavar="VERSION",
        rich_help_panel=RULES,
        help="Of this kernel, as 6.1 (default: the running one).",
    ),
]
Zpool = Annotated[
    Allocator | None,
    typer.Option(
        "--zpool", rich_help_panel=RULES, help="zswap's allocator (default: that kernel's)."
    ),
]
Ghost = Annotated[
    bool,
    typer.Option(
        "--ghost", rich_help_panel=RULES, help="All areas are ghosts: refused pages stay in RAM."
    ),
]
NoWriteback = Annotated[
    bool,
    typer.Option(
        "--no-writeback", rich_help_panel=RULES, help="memory.zswap.writeback=0: nothing to disk."
    ),
]

WholeHugePages = Annotated[
    bool,
    typer.Option(
        "--whole-huge-pages",
        rich_help_panel=RULES,
        help="Swap is a block device that does not seek (before 6.13).",
    ),
]


def rules_by_options(
    kernel: str | None,
    allocator: Allocator | None = None,
    *,
    ghost: bool,
    no_writeback: bool = False,
    whole_huge_pages: bool = False,
    quiet: bool,
) -> "Rules":
    """The rules that these options ask for; UsageError for a kernel or allocator that is none.

    A kernel beyond those that were checked gets a warning, unless `quiet`.
    """
    from ghostswap.application.rules import rules_of  # only here, with NumPy

    try:
        version = None if kernel is None else KernelVersion.parse(kernel)
    except ValueError as error:
        raise UsageError("--kernel", str(error)) from None
    rules = rules_of(
        version,
        allocator,
        ghost=ghost,
        writeback=not no_writeback,
        whole_huge_pages=whole_huge_pages,
    )
    if beyond := beyond_known(rules.version):
        warn(beyond, quiet)
    return rules
