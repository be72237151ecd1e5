"""What the user named to be measured: dumps and processes, as sources of pages."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import options
from ghostswap.cli.help import READ
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.idle.trackers import TrackerName

if TYPE_CHECKING:
    from ghostswap.pages.source import Source, Stream

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
        "--pid", metavar="PID", rich_help_panel=READ, help="A running process; repeatable."
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


# Dumps that can be read although they are removed meanwhile: each costs a file descriptor.
_MOST_KEPT_OPEN = 64


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What was named on a command line; a list that was not given is None."""

    files: Sequence[Path] | None = None
    pids: Sequence[int] | None = None
    names: Sequence[str] | None = None
    users: Sequence[str] | None = None
    cgroups: Sequence[str] | None = None
    everyone: bool = False
    children: bool = False
    raw: bool = False
    max_expansion: int | None = None

    @property
    def any(self) -> bool:
        """True when something was named at all."""
        return bool(self.files) or self.live

    @property
    def live(self) -> bool:
        """True when processes were named."""
        return bool(self.pids or self.names or self.users or self.cgroups or self.everyone)


def open_sources(named: SourceOptions, page_size: int) -> list["Source | Stream"]:
    """The sources that `named` means: files in their order, then processes, each once.

    Raises GhostswapError for the first that cannot be read; of processes only where it was named by
    its number, or where none can be read.
    """
    from ghostswap.pages.compressed import MAX_EXPANSION
    from ghostswap.pages.dump import STANDARD_INPUT, Reading, open_dump

    files = list(named.files or ())
    if files.count(STANDARD_INPUT) > 1:
        raise UsageError("-", "standard input can be read once only")
    if named.children and not named.live:
        raise UsageError("--children", "whose? Name a process too, as with --pid")
    reading = Reading(named.raw, named.max_expansion or MAX_EXPANSION)
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = _MOST_KEPT_OPEN if allowed == resource.RLIM_INFINITY else allowed // 4
    kept = min(kept, _MOST_KEPT_OPEN)
    opened = [
        open_dump(path, page_size, reading, keep=number < kept) for number, path in enumerate(files)
    ]
    return opened + (_open_processes(named, page_size) if named.live else [])


def _open_processes(named: SourceOptions, page_size: int) -> list["Source | Stream"]:
    from ghostswap.census.looking import look_at
    from ghostswap.host.processes import Selection, select
    from ghostswap.pages.process import Processes

    wanted = Selection(
        named.pids or (),
        named.names or (),
        named.users or (),
        named.cgroups or (),
        named.everyone,
        named.children,
    )
    processes = Processes(page_size)
    read: list[Source | Stream] = []
    left_out: list[Source | Stream] = []
    for pid, source in look_at(select(wanted), processes):
        if isinstance(source, GhostswapError):
            if pid in wanted.pids:
                raise source
            if (unread := processes.left_out(pid, source)) is not None:
                left_out.append(unread)
        elif pid in wanted.pids or source.runs.pages or source.facts.swapped:
            read.append(source)
    if not read and not named.files:
        raise GhostswapError(
            "processes",
            f"none of {len(left_out)} may be read: they must be your own, or you need "
            "CAP_SYS_PTRACE"
            if left_out
            else "none of them has memory of its own",
        )
    return read + left_out
