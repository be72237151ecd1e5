"""Figures and tables as one HTML document that needs nothing else: no other file, no network.

Without its script all is there to read; with it tables sort, and the map tells what is pointed at.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

_STYLE = (Path(__file__).parent / "report.css").read_text()
_SCRIPT = (Path(__file__).parent / "report.js").read_text()
# Names in the document come from anywhere: should one get past escaping, it can load nothing.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the columns from `numbers_from` on hold numbers."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers_from: int = 1


@dataclass(frozen=True, slots=True)
class Illustration:
    """A figure as an SVG document, with what it says in words; no part of it may have the name of
    a part of another figure of the same document."""

    title: str
    words: str
    svg: bytes
    cells: dict[str, Any] | None = None  # of a map: what the script tells of each (map_cells)


def document(
    title: str, notes: Sequence[str], tables: Sequence[Table], figures: Sequence[Illustration]
) -> bytes:
    """The HTML document: tables first, then the figures. Everything from outside is escaped."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        *(f'<p class="note">{_text(note)}</p>' for note in notes),
        *(_table(table) for table in tables),
        *(_figure(figure) for figure in figures),
        f"<script>{_SCRIPT}</script></body></html>\n",
    ]
    return "\n".join(parts).encode()


def _text(text: str) -> str:
    """`text` for HTML; bytes of a name that are no text become question marks."""
    return escape(text.encode(errors="replace").decode())


def _table(table: Table) -> str:
    def row(tag: str, cells: Sequence[str]) -> str:
        numbers = ("", ' class="number"')
        marked = (
            f"<{tag}{numbers[column >= table.numbers_from]}>{_text(cell)}</{tag}>"
            for column, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    rows = "\n".join(row("td", cells) for cells in table.rows)
    return (
        f'<h2>{_text(table.title)}</h2>\n<div class="wide"><table>\n'
        f"<thead>{row('th', table.headings)}</thead>\n<tbody>{rows}</tbody>\n</table></div>"
    )


def _figure(figure: Illustration) -> str:
    svg = figure.svg.decode()
    label = f'<svg role="img" aria-label="{_text(figure.title)}"'
    return (
        f'<figure>\n<div class="wide paper">{label}{svg[svg.index("<svg") + 4 :]}</div>'
        f"{_cells(figure.cells)}<figcaption>{_text(figure.words)}</figcaption>\n</figure>"
    )


def _cells(cells: dict[str, Any] | None) -> str:
    """Data for the script, in which nothing ends the element that holds it."""
    if cells is None:
        return ""
    data = json.dumps(cells).replace("<", "\\u003c")  # and all but ASCII is escaped
    return f'<script type="application/json" class="cells">{data}</script>'
