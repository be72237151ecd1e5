"""What the user named to be measured: dumps and processes, as sources of pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.pages.source import Source, Stream

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="SOURCE…",
        help="Raw page dumps or ELF cores, also compressed; - is standard input.",
        show_default=False,
    ),
]
Pids = Annotated[
    list[int] | None,
    typer.Option("--pid", metavar="PID", help="A running process; repeatable."),
]
Raw = Annotated[
    bool, typer.Option("--raw", help="Take every file as raw pages, whatever it looks like.")
]
MaxExpansion = Annotated[
    int | None,
    typer.Option(
        "--max-expansion",
        min=1,
        metavar="N",
        help="How often its size a compressed dump may unpack to, beyond 1 GiB (default 1000).",
    ),
]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What was named on a command line; a list that was not given is None."""

    files: Sequence[Path] | None = None
    pids: Sequence[int] | None = None
    raw: bool = False
    max_expansion: int | None = None

    @property
    def any(self) -> bool:
        """True when something was named at all."""
        return bool(self.files or self.pids)


def open_sources(named: SourceOptions, page_size: int) -> list["Source | Stream"]:
    """The sources that `named` means, in its order: files first, each process once.

    Raises GhostswapError for the first that cannot be read.
    """
    from ghostswap.pages.compressed import MAX_EXPANSION
    from ghostswap.pages.dump import STANDARD_INPUT, Reading, open_dump
    from ghostswap.pages.process import open_process

    opened: list[Source | Stream] = []
    if list(named.files or ()).count(STANDARD_INPUT) > 1:
        raise UsageError("-", "standard input can be read once only")
    reading = Reading(named.raw, named.max_expansion or MAX_EXPANSION)
    opened += [open_dump(path, page_size, reading) for path in named.files or ()]
    opened += [open_process(pid, page_size) for pid in dict.fromkeys(named.pids or ())]
    return opened
