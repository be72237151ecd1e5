"""How results reach a reader: tables for people and scripts, one JSON document for programs."""

import json
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from ghostswap.errors import UsageError
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.report.fields import Field

T = TypeVar("T")

DONE, REFUSED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""The exit statuses."""

_BAR_WIDTH = 16  # columns
_GAP = "  "
_NARROWEST = 12  # columns that a text keeps, however narrow the terminal is
_BOLD = re.compile(r"\x1b\[\d*m")
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


# What json leaves as it is though it moves a cursor or turns the text around (C1 controls, marks of
# direction), and bytes of a name that are no UTF-8, which no stream takes.
_MOVES = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its name, as `--output` takes it, and whether it holds numbers."""

    name: str
    right: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """How the user wants tables: exact bytes, headings, and which columns (None: all)."""

    exact: bool
    headings: bool
    columns: str | None


def columns(fields: "Sequence[Field[Any]]", words: Set[str]) -> tuple[Column, ...]:
    """The columns of these fields; those titled in `words` hold text, the others numbers."""
    return tuple(
        Column(field.title.upper().replace(" ", "-"), right=field.title not in words)
        for field in fields
    )


def cells(fields: "Sequence[Field[T]]", row: T, exact: bool) -> list[str]:
    """The cells of `row` under columns()."""
    return [field.cell(row, exact=exact) for field in fields]


def print_json(document: object, *, one_line: bool = False) -> None:
    """Print `document`, plain data, as the one JSON document of this run, or one of a row of them
    that have a line each."""
    text = json.dumps(
        document, indent=None if one_line else 2, ensure_ascii=not shows_unicode(), allow_nan=False
    )
    print(_MOVES.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def size_text(size: int, exact: bool, *, fine: bool = False) -> str:
    """`size` in bytes as a table cell: digits only when `exact`, else 1.5 GiB; 1.465 GiB where
    figures are to be compared."""
    return str(size) if exact else format_size(size, fine=fine)


def printable(text: str) -> str:
    """`text` from outside (a path, a label) on one line, with nothing that moves a cursor."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def complain(reason: object) -> None:
    """Why something could not be done, as the one line on stderr that goes with status 1 or 2."""
    print(f"ghostswap: {printable(str(reason))}", file=sys.stderr)


def warn(message: str, quiet: bool) -> None:
    """One line on stderr that does not change the result."""
    if not quiet:
        print(f"ghostswap: warning: {printable(message)}", file=sys.stderr)


def note(message: str, quiet: bool) -> None:
    """One line on stderr that the user should know and need not act on."""
    if not quiet:
        print(f"ghostswap: note: {printable(message)}", file=sys.stderr)


def choose_columns(columns: Sequence[Column], only: str | None) -> list[int]:
    """Indices of the columns named in `only` (comma-separated, any case); all for None."""
    if only is None:
        return list(range(len(columns)))
    names = [column.name.upper() for column in columns]
    picked = [name.strip().upper() for name in only.split(",")]
    for name in picked:
        if name not in names:
            raise UsageError("--output", f"no column {name}; there are {', '.join(names)}")
    return [names.index(name) for name in picked]


def print_table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    headings: bool = True,
    only: str | None = None,
    whole: bool = False,
) -> None:
    """Print `rows` aligned under `columns`, numbers to the right, no trailing blanks.

    On a terminal that is too narrow for them, the widest texts lose their middle, unless `whole`.
    """
    for line in table_lines(columns, rows, headings=headings, only=only, whole=whole):
        print(line)


def table_lines(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    headings: bool = True,
    only: str | None = None,
    whole: bool = False,
) -> list[str]:
    """The lines that print_table prints."""
    picked = choose_columns(columns, only)
    shown = [columns[i] for i in picked]
    cells = [[printable(row[i]) for i in picked] for row in rows]
    titles = [column.name for column in shown]
    lines = [titles, *cells] if headings else cells
    widths = [max((len(line[i]) for line in lines), default=0) for i in range(len(shown))]
    if sys.stdout.isatty() and not whole:
        narrow(widths, shown, shutil.get_terminal_size().columns)

    def aligned(line: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if column.right else without_middle(cell, width).ljust(width)
            for cell, width, column in zip(line, widths, shown, strict=True)
        )
        return _GAP.join(padded).rstrip()

    shown_lines = [aligned(line) for line in cells]
    return [emphasised(aligned(titles)), *shown_lines] if headings else shown_lines


def narrow(widths: list[int], columns: Sequence[Column], room: int) -> None:
    """Take from the widest columns of text, in place, what the table needs to fit into `room`."""
    texts = [i for i, column in enumerate(columns) if not column.right]
    over = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    while over > 0 and texts:
        widest = max(texts, key=lambda i: widths[i])
        if widths[widest] <= max(_NARROWEST, len(columns[widest].name)):
            return
        widths[widest] -= 1
        over -= 1


def without_middle(text: str, width: int) -> str:
    """`text` in `width` characters: of a longer one its beginning and its end."""
    if len(text) <= width:
        return text
    gap = "…" if shows_unicode() else "..."
    left = (width - len(gap)) // 2
    return text[:left] + gap + text[left + len(gap) - width :]


def fitted(lines: Iterable[str]) -> list[str]:
    """`lines` broken between words to fit a terminal; as they are where there is none."""
    if not sys.stdout.isatty():
        return list(lines)
    width = shutil.get_terminal_size().columns
    return [part for line in lines for part in _wrapped(line, width)]


def _wrapped(line: str, width: int) -> list[str]:
    plain = _BOLD.sub("", line)
    if len(plain) <= width:
        return [line]  # bold is given up only where it would be cut
    return textwrap.wrap(plain, width, subsequent_indent="  ", break_on_hyphens=False)


def emphasised(text: str) -> str:
    """`text` in bold on a terminal that wants colour; as it is elsewhere."""
    return typer.style(text, bold=True) if wants_colour() else text


def bar(share: float) -> str:
    """`share` of a short line of blocks, with blanks up to its end and two behind it.

    Nothing where stdout is no terminal, so that what scripts read stays as it is, or one that
    cannot show blocks.
    """
    if not (sys.stdout.isatty() and shows_unicode()):
        return ""
    whole, eighths = divmod(round(share * _BAR_WIDTH * 8), 8)
    blocks = "█" * whole + _EIGHTHS[eighths]
    line = f"{blocks:<{_BAR_WIDTH}}  "
    return typer.style(line, fg="blue") if wants_colour() else line


def shows_unicode() -> bool:
    """True when stdout takes any character; else it gets ASCII (ghostswap.__main__)."""
    return "utf" in (sys.stdout.encoding or "utf-8").lower()  # io.StringIO has none


def wants_colour() -> bool:
    """True when stdout is a terminal and NO_COLOR is unset or empty (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
