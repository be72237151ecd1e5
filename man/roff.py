"""One manual page in Markdown as roff: the few forms that manual pages need, and no others.

# name(1) -- what it does       title, and the NAME section
## SECTION                      ### Subsection
**bold** _italic_ `code`        in any text
- an item                       lists; later lines of an item are indented
```                             lines as they are, between two of these
term, and in the next line      options and statuses: the text may go on in indented lines
: what it means                 and paragraphs
<!-- include parts/NAME.md -->  lines that several pages share
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

DATE = "2026-11-21"  # of the pages' last revision

_TITLE = re.compile(r"# ([a-z-]+)\((\d)\) -- (.+)")
_INCLUDE = re.compile(r"<!-- include (\S+) -->")
_STYLED = re.compile(r"\*\*(.+?)\*\*|(?<!\w)_(\S|\S.*?\S)_(?!\w)|`(.+?)`")
# What roff would change: a hyphen into a dash, quotes into curly ones, a caret into an accent.
_ESCAPES = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


def manual_page(source: Path, version: str) -> str:
    """The page that `source` describes, for this `version` of the program.

    Raises ValueError, naming the file, where it does not begin with a title.
    """
    first, *lines = _lines(source)
    title = _TITLE.fullmatch(first)
    if title is None:
        raise ValueError(f"{source}: the first line is not: # name(1) -- what it does")
    name, section, what = title.groups()
    return "\n".join(
        [
            rf".\" Built from {source.name} by python -m man; edit that.",
            f'.TH {name.upper()} {section} {DATE} "ghostswap {version}" "Compressed swap"',
            ".SH NAME",
            rf"{_plain(name)} \- {_styled(what)}",
            *_body(lines),
            "",
        ]
    )


def _lines(source: Path) -> Iterator[str]:
    for line in source.read_text().splitlines():
        include = _INCLUDE.fullmatch(line)
        if include is None:
            yield line
        else:
            yield from _lines(source.parent / include[1])


def _body(lines: Sequence[str]) -> Iterator[str]:
    literal = after_heading = False
    for number, line in enumerate(lines):
        text = line.strip()
        following = lines[number + 1] if number + 1 < len(lines) else ""
        before = lines[number - 1].strip() if number else ""
        paragraph = [] if after_heading else [".PP"]
        if text == "```":
            # Indented, apart from the text around it, in lines of their own.
            yield from [".EE", ".RE"] if literal else [*paragraph, ".RS 4", ".EX"]
            literal = not literal
        elif literal:
            yield _guarded(_plain(line))
        elif line.startswith("## "):
            yield f".SH {_plain(text[3:])}"
        elif line.startswith("### "):
            yield f".SS {_plain(text[4:])}"
        elif following.startswith(": "):
            yield from (".TP", _guarded(_styled(text)))
        elif line.startswith(": "):
            yield from _wrapped(text[2:])
        elif line.startswith("- "):
            yield r".IP \(bu 2"
            yield from _wrapped(text[2:])
        elif text:
            if not before and not after_heading:
                yield ".IP" if line.startswith("  ") else ".PP"
            yield from _wrapped(text)
        after_heading = line.startswith("#") or (after_heading and not text)


def _styled(text: str) -> str:
    """`text` with its marks as font changes."""
    parts, end = [], 0
    for mark in _STYLED.finditer(text):
        bold, italic, code = mark.groups()
        parts.append(_plain(text[end : mark.start()]))
        parts.append(rf"\fI{_plain(italic)}\fR" if italic else rf"\fB{_plain(bold or code)}\fR")
        end = mark.end()
    return "".join([*parts, _plain(text[end:])])


def _wrapped(text: str) -> list[str]:
    """`text` in lines of 80 bytes, as roff files have them."""
    lines = textwrap.wrap(_styled(text), 80, break_long_words=False, break_on_hyphens=False)
    return [_guarded(line) for line in lines]


def _plain(text: str) -> str:
    """`text` as it is, in ASCII."""
    escaped = text.translate(_ESCAPES)
    return "".join(char if char.isascii() else rf"\[u{ord(char):04X}]" for char in escaped)


def _guarded(line: str) -> str:
    """A line that roff does not take for a request."""
    return rf"\&{line}" if line.startswith((".", "'")) else line
