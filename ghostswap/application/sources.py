"""Dumps and processes that somebody names, as sources of pages."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ghostswap.census.looking import look_at
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.host.processes import Selection, select
from ghostswap.pages.compressed import MAX_EXPANSION
from ghostswap.pages.dump import STANDARD_INPUT, Reading, open_dump
from ghostswap.pages.process import Processes
from ghostswap.pages.source import Source, Stream

# Dumps that can be read although they are removed meanwhile: each costs a file descriptor.
_MOST_KEPT_OPEN = 64


@dataclass(frozen=True, slots=True)
class Sources:
    """What pages are read from: dumps and saved censuses, and running processes.

    `raw` takes files for raw pages, whatever they look like; a compressed one may unpack to
    `max_expansion` times its size.
    """

    files: Sequence[Path] = ()
    processes: Selection = field(default_factory=Selection)
    raw: bool = False
    max_expansion: int = MAX_EXPANSION

    @property
    def live(self) -> bool:
        """True where processes are named."""
        return bool(self.processes.pids) or self.processes.by_kind


def open_sources(sources: Sources, page_size: int) -> list[Source | Stream]:
    """Files in their order, then processes, each once.

    Raises GhostswapError for the first that cannot be read; of processes only where it was named by
    its number, or where none can be read.
    """
    files, processes = list(sources.files), sources.processes
    if files.count(STANDARD_INPUT) > 1:
        raise UsageError("-", "standard input can be read once only")
    if processes.children and not sources.live:
        raise UsageError("--children", "whose? Name a process too, as with --pid")
    reading = Reading(sources.raw, sources.max_expansion)
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = _MOST_KEPT_OPEN if allowed == resource.RLIM_INFINITY else allowed // 4
    kept = min(kept, _MOST_KEPT_OPEN)
    opened = [
        open_dump(path, page_size, reading, keep=number < kept) for number, path in enumerate(files)
    ]
    if sources.live:
        opened += _open_processes(processes, page_size, needed=not files)
    return opened


def _open_processes(selection: Selection, page_size: int, *, needed: bool) -> list[Source | Stream]:
    """The processes that have memory of their own; GhostswapError where one is `needed` and none
    can be read."""
    processes = Processes(page_size)
    readable: list[Source | Stream] = []
    left_out: list[Source | Stream] = []
    for pid, source in look_at(select(selection), processes):
        if isinstance(source, GhostswapError):
            if pid in selection.pids:
                raise source
            if (unread := processes.left_out(pid, source)) is not None:
                left_out.append(unread)
        elif pid in selection.pids or source.runs.pages or source.facts.swapped:
            readable.append(source)
    if needed and not readable:
        raise GhostswapError(
            "processes",
            f"none of {len(left_out)} may be read: they must be your own, or you need "
            "CAP_SYS_PTRACE"
            if left_out
            else "none of them has memory of its own",
        )
    return readable + left_out
