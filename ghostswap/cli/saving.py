"""The options of a census that is kept: where, by which key, of whom, and what it omits."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ghostswap.cli import options
from ghostswap.cli.help import SAVE
from ghostswap.errors import UsageError

if TYPE_CHECKING:
    from ghostswap.application.saving import Keeping
    from ghostswap.application.sources import Sources

_LONGEST_HOST = 253  # a name in the DNS
_RAREST = 1 << 20


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time, as 2026-11-21T12:00:00Z") from None
    if time.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no time zone, as the Z of 2026-11-21T12:00:00Z")
    return time.astimezone(UTC)


def _host(text: str) -> str:
    if not 0 < len(text) <= _LONGEST_HOST or not text.isprintable():
        raise typer.BadParameter("is no printable name of up to 253 characters")
    return text


SaltFile = Annotated[
    Path | None,
    typer.Option(
        "--salt-file",
        metavar="FILE",
        rich_help_panel=SAVE,
        help="Key (mode 0600) that makes censuses comparable.",
    ),
]
NewSaltFile = Annotated[
    Path | None,
    typer.Option(
        "--new-salt-file",
        metavar="FILE",
        rich_help_panel=SAVE,
        help="Make such a key, in a new FILE, and use it.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        parser=_host,
        metavar="NAME",
        rich_help_panel=SAVE,
        help="Whose memory it is (default: this machine's).",
    ),
]
Taken = Annotated[
    datetime | None,
    typer.Option(
        "--taken",
        parser=_time,
        metavar="TIME",
        rich_help_panel=SAVE,
        help="When it was so, in ISO 8601 (default: now).",
    ),
]
Private = Annotated[
    bool,
    typer.Option(
        "--private",
        rich_help_panel=SAVE,
        help="Leave out the order of pages and exact sizes.",
    ),
]
OneIn = Annotated[
    int,
    typer.Option(
        "--one-in",
        parser=options.number(1, _RAREST),
        metavar="N",
        rich_help_panel=SAVE,
        show_default=False,
        help="Keep one content in N, the same on all hosts.",
    ),
]


def keeping(
    path: Path | None,
    salt_file: Path | None,
    new_salt_file: Path | None,
    host: str | None,
    taken: datetime | None,
    *,
    private: bool,
    one_in: int,
    quick: bool,
    measured: "Sources",
) -> "Keeping":
    """What these options say; UsageError where they contradict each other, GhostswapError where
    what they name could not be written."""
    for option, is_given in (
        ("--salt-file", salt_file is not None),
        ("--new-salt-file", new_salt_file is not None),
        ("--host", host is not None),
        ("--taken", taken is not None),
        ("--private", private),
        ("--one-in", one_in > 1),
    ):
        if is_given and path is None:
            raise UsageError(option, "goes with --save")
    if salt_file is not None and new_salt_file is not None:
        raise UsageError("--new-salt-file", "makes a key, and --salt-file names one: give one")
    if quick and one_in > 1:
        raise UsageError("--one-in", "keeps sizes whole, and --quick leaves most out: give one")
    # Only here, with NumPy.
    from ghostswap.application.measure import saved_censuses
    from ghostswap.application.saving import Keeping
    from ghostswap.census.columns import Reduction

    kept = Keeping(path, salt_file, new_salt_file, host, taken, Reduction(private, one_in))
    kept.check_early(measured.files, salted=bool(saved_censuses(measured)))
    return kept
