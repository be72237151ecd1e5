"""The `--plot` option: what is wrong with it is said before the work, and the file is whole."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli.help import SHOW
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.extras import missing
from ghostswap.files import check_place, replaced_whole
from ghostswap.signals import free

if TYPE_CHECKING:
    from ghostswap.fleet.survey import Fleet
    from ghostswap.plan.answer import Plan
    from ghostswap.report.estimate import Estimate

Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        rich_help_panel=SHOW,
        help="Draw a picture too: a .svg, .png or .html file.",
    ),
]
_ENDINGS = (".svg", ".png", ".html")


def check(path: Path | None) -> None:
    """Refuse a picture that could not be drawn or written, as far as that can be told early."""
    if path is None:
        return
    if path.suffix.lower() not in _ENDINGS:
        raise UsageError("--plot", f"{path} ends in none of .svg, .png and .html")
    check_place(path)
    _load_matplotlib()


def _load_matplotlib() -> None:
    """Import matplotlib without the file `matplotlibrc` of the current folder.

    matplotlib prefers that file to all others (3.11, matplotlib_fname()), whoever put it there and
    be it a FIFO; only another current folder keeps it from that.
    """
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.chdir("/")
        import matplotlib  # noqa: F401
    except ImportError:
        raise missing("--plot", "matplotlib", "plot") from None
    finally:
        os.fchdir(here)
        os.close(here)


@contextmanager
def afterwards(*files: tuple[Path | None, Callable[[Path], None]]) -> Iterator[None]:
    """Write `files` when the block has printed its results, or could not: their reader (head) has
    gone, the disk is full.

    The results come first since a file may fail, and the work behind them be long. Each file is
    tried; the first failure is raised at the end.
    """
    failures: list[Exception] = []
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        failures.append(error)
    for path, write in files:
        if path is not None:
            try:
                with free():
                    write(path)
            except GhostswapError as error:
                failures.append(error)
    if failures:
        raise failures[0]


def plot_estimate(estimate: "Estimate", path: Path) -> None:
    """Draw an estimate to `path`."""
    from ghostswap.plots.picture import Form, of_estimate  # with matplotlib

    _write(of_estimate(estimate, Form.of(path)), path)


def plot_plan(plans: "Sequence[Plan]", path: Path) -> None:
    """Draw a plan to `path`."""
    from ghostswap.plots.picture import Form, of_plan

    _write(of_plan(plans, Form.of(path)), path)


def plot_fleet(fleet: "Fleet", path: Path) -> None:
    """Draw a fleet to `path`."""
    from ghostswap.plots.picture import Form, of_fleet

    _write(of_fleet(fleet, Form.of(path)), path)


def _write(picture: bytes, path: Path) -> None:
    with replaced_whole(path) as file:
        file.write(picture)
