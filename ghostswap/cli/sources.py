"""What the user named to be measured: dumps and processes, as sources of pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ghostswap.pages.source import Source

Files = Annotated[
    list[Path] | None,
    typer.Argument(metavar="SOURCE…", help="Raw page dumps or ELF cores.", show_default=False),
]
Pids = Annotated[
    list[int] | None,
    typer.Option("--pid", metavar="PID", help="A running process; repeatable."),
]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What was named on a command line; a list that was not given is None."""

    files: Sequence[Path] | None = None
    pids: Sequence[int] | None = None

    @property
    def any(self) -> bool:
        """True when something was named at all."""
        return bool(self.files or self.pids)


def open_sources(named: SourceOptions, page_size: int) -> list["Source"]:
    """The sources that `named` means, in its order: files first, each process once.

    Raises GhostswapError for the first that cannot be read.
    """
    from ghostswap.pages.file import open_dump
    from ghostswap.pages.process import open_process

    dumps = [open_dump(path, page_size) for path in named.files or ()]
    return dumps + [open_process(pid, page_size) for pid in dict.fromkeys(named.pids or ())]
