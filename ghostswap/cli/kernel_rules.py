"""Whose rules an estimate follows: the options that choose a kernel and how its zswap is set up."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli.help import RULES
from ghostswap.errors import UsageError
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
ChosenZpool = Annotated[
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


def chosen_rules(
    kernel: str | None,
    zpool: Allocator | None,
    *,
    ghost: bool,
    no_writeback: bool,
    quiet: bool = False,
) -> "Rules":
    """The rules that these options ask for; UsageError for a kernel or allocator that is none.

    A kernel beyond those that were checked gets a warning, unless `quiet`.
    """
    from ghostswap.cli.render import warn
    from ghostswap.host.files import HostFiles
    from ghostswap.host.kconfig import kernel_config
    from ghostswap.host.kernel import running_kernel
    from ghostswap.kernel.rules import rules_for
    from ghostswap.kernel.version import KernelVersion, beyond_known

    here = Path("/")
    running = running_kernel(here)
    try:
        version = running if kernel is None else KernelVersion.parse(kernel)
    except ValueError as error:
        raise UsageError("--kernel", str(error)) from None
    if beyond := beyond_known(version):
        warn(beyond, quiet)
    if version == running:
        live_zpool = HostFiles(here).text("sys/module/zswap/parameters/zpool")
        rules = rules_for(version, kernel_config(here), live_zpool)
    else:  # how another kernel was built, and is set up, is not known
        rules = rules_for(version, {})
    rules = replace(rules, ghost=ghost, writeback=not no_writeback)
    if zpool is None:
        return rules
    if not zpool.exists(version):
        raise UsageError("--zpool", f"Linux {version} has no {zpool}; it went with 6.15")
    return replace(rules, allocator=zpool)
