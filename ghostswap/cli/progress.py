"""A progress bar on stderr for long work, on a terminal only."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ghostswap.cli.render import warn

if TYPE_CHECKING:
    from ghostswap.application.measure import Listener
    from ghostswap.census.scan import Progress

_REDRAW_SECONDS = 0.1


@contextmanager
def page_progress(quiet: bool) -> "Iterator[Progress]":
    """What scan() is given to report to: a bar with rate and time left, or nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, known: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    # Redrawn from here: a thread of its own would be alive when the workers are forked.
    bar = Progress(
        TextColumn("pages"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} pages/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task("pages", total=None, rate="")
    begin = drawn = time.monotonic()

    def report(done: int, known: int) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now - drawn < _REDRAW_SECONDS:
            return
        drawn = now
        rate = f"{done / (now - begin):,.0f}"
        bar.update(task, completed=done, total=known, rate=rate, refresh=True)

    with bar:
        yield report


@contextmanager
def watch_progress(quiet: bool) -> Iterator[Callable[[float, float], None]]:
    """What watch() is given to report to: a bar of the seconds that it waits, or nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, known: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("watching"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} s; Ctrl-C takes what was seen till then"),
        console=Console(stderr=True),
        auto_refresh=False,  # as above
        transient=True,
    )
    task = bar.add_task("watching", total=1)
    with bar:
        yield lambda done, known: bar.update(task, completed=done, total=known, refresh=True)


def listener(quiet: bool) -> "Listener":
    """Both, and warnings, for who waits for an estimate."""
    from ghostswap.application.measure import Listener  # only here, with NumPy

    return Listener(
        lambda: page_progress(quiet),
        lambda: watch_progress(quiet),
        lambda line: warn(line, quiet),
    )
