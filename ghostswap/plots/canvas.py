"""What all pictures share: one look whatever the user's settings, sizes for print, same bytes."""

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

WIDTH, HEIGHT = 8.27, 11.69  # inches: A4
_DPI = 200
_SETTINGS: dict[Any, object] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": 7.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "grid.color": "#d0d0d0",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "text.parse_math": False,  # a $ in a file's name is a $
    "savefig.dpi": _DPI,
    "figure.dpi": _DPI,
    "svg.fonttype": "path",  # looks the same whichever fonts the reader has
    "svg.hashsalt": "ghostswap",
}

# Okabe and Ito's colours, which colour-blind people can tell apart, here and in panels.py; what
# must be told apart in black and white differs in lightness or is hatched.
BLUE, ORANGE, BLACK, GREY = "#2171b5", "#fbbf62", "#111111", "#767676"

_NAMES = re.compile(r'(?<=\bid=")[^"]+|(?<=href="#)[^"]+|(?<=url\(#)[^)]+')


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in our style inside, and leave matplotlib as it was."""
    # "Building the font cache" is no concern of the user's.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        mpl.rcdefaults()
        for name, value in _SETTINGS.items():
            mpl.rcParams[name] = value
        yield


def figure(height: float) -> Figure:
    """An empty figure as wide as the page, `height` inches high."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def as_svg(drawn: Figure, title: str, prefix: str = "part") -> bytes:
    """The figure as an SVG document whose parts are named `prefix` and a number.

    The same figure gives the same bytes: no date is in it, and the names that matplotlib makes of
    coordinates, which the solver of the layout gets right but for the last bit, are replaced.
    """
    buffer = io.BytesIO()
    FigureCanvasSVG(drawn)
    drawn.savefig(buffer, format="svg", metadata={"Title": title, "Date": None, "Creator": None})
    names: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"{prefix}{len(names)}")

    return _NAMES.sub(renamed, buffer.getvalue().decode()).encode()


def as_png(drawn: Figure, title: str) -> bytes:
    """The figure as a PNG image."""
    buffer = io.BytesIO()
    FigureCanvasAgg(drawn)
    drawn.savefig(buffer, format="png", metadata={"Title": title, "Software": None})
    return buffer.getvalue()


def binary_unit(largest: float) -> tuple[int, str]:
    """The unit, in bytes and by name, for an axis that goes up to `largest` bytes."""
    for power, name in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if largest >= 1024**power:
            return 1024**power, name
    return 1, "bytes"


def short(name: str, most: int = 26) -> str:
    """A source's name for a label: the last part of a path, and no more than fits."""
    last = name.rstrip("/").rpartition("/")[2] or name
    shown = "".join(char if char.isprintable() else "?" for char in last)
    return shown if len(shown) <= most else f"{shown[: most // 2]}…{shown[-(most // 2) + 1 :]}"
