"""`ghostswap inspect` without PATH: how this host, or a captured one, swaps; once or again."""

import shutil
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ghostswap.cli.host_view import host_lines, swap_lines
from ghostswap.cli.render import fitted, print_json
from ghostswap.diagnose.findings import findings
from ghostswap.errors import UsageError
from ghostswap.host.snapshot import read_host
from ghostswap.report.host import host_document
from ghostswap.report.openmetrics import exposition
from ghostswap.units import format_duration

_HOME, _CLEAR, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[2J", "\x1b[K", "\x1b[J"
_LONGEST_SECONDS = 86400


@dataclass(frozen=True, slots=True)
class HostView:
    """What to show of a host: `columns` chooses some of the table of swap areas, and only that."""

    root: Path
    json: bool = False
    openmetrics: bool = False
    exact: bool = False
    headings: bool = True
    columns: str | None = None
    cgroups: bool = False


def show_host(view: HostView, watch: float | None = None) -> None:
    """Print the host once, or every `watch` seconds until interrupted.

    UsageError where options contradict each other, GhostswapError where the root is no host.
    """
    if view.json and view.openmetrics:
        raise UsageError("--json", "cannot go with --openmetrics: both write to standard output")
    if watch is None:
        _print(view)
        return
    if view.openmetrics:
        raise UsageError("--watch", "cannot go with --openmetrics, which is one document")
    if not 0 < watch <= _LONGEST_SECONDS:
        raise UsageError("--watch", f"{watch:g} is no number of seconds above 0, up to a day")
    _watch(view, watch)


def _print(view: HostView, *, one_line: bool = False) -> None:
    if view.json:
        host = read_host(view.root, cgroups=view.cgroups)
        print_json(host_document(host, findings(host)), one_line=one_line)
    elif view.openmetrics:
        host = read_host(view.root, cgroups=view.cgroups)
        print(exposition(host, findings(host)), end="")
    else:
        for line in fitted(_lines(view)):
            print(line)


def _lines(view: HostView) -> list[str]:
    host = read_host(view.root, cgroups=view.cgroups)
    if view.columns is not None:
        return list(swap_lines(host, view.exact, view.headings, view.columns))
    return list(host_lines(host, findings(host), exact=view.exact, headings=view.headings))


def _watch(view: HostView, seconds: float) -> None:
    """Redraw in place on a terminal, which is never left in another state; else print on. Of JSON
    it is a document a line, in both cases."""
    while view.json:
        _print(view, one_line=True)
        sys.stdout.flush()
        time.sleep(seconds)
    terminal = sys.stdout.isatty()
    if terminal:
        sys.stdout.write(_CLEAR)
    while True:
        lines = fitted(_lines(view))
        if view.headings:
            lines.insert(0, f"{datetime.now():%Y-%m-%d %H:%M:%S}, every {format_duration(seconds)}")
        frame = _frame(lines) if terminal else "".join(f"{line}\n" for line in [*lines, ""])
        sys.stdout.write(frame)
        sys.stdout.flush()
        time.sleep(seconds)


def _frame(lines: list[str]) -> str:
    """As many lines as the screen has, drawn over what is there, so that nothing flickers."""
    shown = lines[: max(shutil.get_terminal_size().lines - 1, 1)]
    return _HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in shown) + _CLEAR_BELOW
