"""Figures and tables as one HTML document that needs nothing else: no script, no other file."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
body { font: 16px/1.5 sans-serif; color: #111; background: #fff; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
figure { margin: 2rem 0; break-inside: avoid; }
figure svg { width: 100%; height: auto; }
figcaption { color: #444; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #ccc; text-align: left; }
th.number, td.number { text-align: right; white-space: nowrap; }
p.note { color: #444; }
@media print { body { font-size: 11px; max-width: none; margin: 0; } }
"""


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


def document(
    title: str, notes: Sequence[str], tables: Sequence[Table], figures: Sequence[Illustration]
) -> bytes:
    """The HTML document: tables first, then the figures. Everything from outside is escaped."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        *(f'<p class="note">{_text(note)}</p>' for note in notes),
        *(_table(table) for table in tables),
        *(_figure(figure) for figure in figures),
        "</body></html>\n",
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
    return f"<h2>{_text(table.title)}</h2>\n<table>\n{row('th', table.headings)}\n{rows}\n</table>"


def _figure(figure: Illustration) -> str:
    svg = figure.svg.decode()
    label = f'<svg role="img" aria-label="{_text(figure.title)}"'
    return (
        f"<figure>\n{label}{svg[svg.index('<svg') + 4 :]}"
        f"<figcaption>{_text(figure.words)}</figcaption>\n</figure>"
    )
