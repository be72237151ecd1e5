"""The four panels that a census is drawn in: map, sizes, copies, and RAM under each system."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import FigureBase
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ghostswap.census.dedup import Bucket, histogram, in_powers_of_two
from ghostswap.census.population import population
from ghostswap.census.table import Census, Measured
from ghostswap.kernel.zsmalloc import SizeClasses
from ghostswap.pages.source import Mapping
from ghostswap.plots.canvas import BLACK, BLUE, GREY, ORANGE, binary_unit, short
from ghostswap.plots.map_cells import map_cells
from ghostswap.plots.page_map import Look, PageMap, cell_facts, page_map
from ghostswap.plots.ram_bars import RamBar, ram_bars
from ghostswap.plots.size_classes import ClassHistogram, class_histogram
from ghostswap.report.estimate import Estimate
from ghostswap.units import format_size

# The darker, the more RAM a page takes: so it reads in black and white too.
_COLOURS = {
    Look.ZERO: "#f1f1f1",
    Look.SAME_FILLED: "#f0de4f",
    Look.DUPLICATE: ORANGE,
    Look.TO_QUARTER: "#7db4d8",
    Look.TO_HALF: "#4a8fc4",
    Look.TO_THREE_QUARTERS: "#1f66a5",
    Look.TO_WHOLE: "#0b3d73",
    Look.WHOLE: BLACK,
    Look.UNMEASURED: "#cc79a7",
    Look.UNREAD: GREY,
    Look.NO_PAGE: "#ffffff",
}
_HATCHED = {Look.UNMEASURED: "////", Look.UNREAD: "xxxx"}
_MEANINGS = {
    Look.ZERO: "zero",
    Look.SAME_FILLED: "same-filled",
    Look.DUPLICATE: "copy of another",
    Look.TO_QUARTER: "to ≤ ¼ of a page",
    Look.TO_HALF: "to ≤ ½",
    Look.TO_THREE_QUARTERS: "to ≤ ¾",
    Look.TO_WHOLE: "to > ¾",
    Look.WHOLE: "incompressible",
    Look.UNMEASURED: "not measured",
    Look.UNREAD: "not readable",
}
_PIXELS = 4  # a cell's side, so that a hatched one shows its stripes
_LABEL_SHARE = 0.035  # of the map's height: what a label takes


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of several: its title, what it says in words, and how to draw it."""

    name: str
    title: str
    words: str
    height: float  # inches, where it stands alone
    draw: Callable[[FigureBase], None]
    hover: Callable[[], dict[str, Any]] | None = None  # what a pointer at the map is told


def panels(estimate: Estimate) -> list[Panel]:
    """The four panels; of several algorithms, the first one's sizes are shown."""
    census, measured = estimate.census, estimate.census.measured[0]
    classes = estimate.comparison.rules.classes(census.page_size)
    pages = page_map(census, measured, classes.huge_class_size)
    counted = population(census, measured)
    sizes = None if counted is None else class_histogram(counted, classes)
    buckets = in_powers_of_two(histogram(census))
    bars = ram_bars(estimate)
    return [
        _map_panel(census, measured, pages, classes),
        _sizes_panel(census, measured, sizes),
        _copies_panel(buckets),
        _ram_panel(census, bars),
    ]


def _map_panel(census: Census, measured: Measured, pages: PageMap, classes: SizeClasses) -> Panel:
    each = pages.pages_a_cell
    page = format_size(census.page_size)
    what = (
        f"A cell is a page of {page}"
        if each == 1
        else f"A cell is {each:,} pages ({format_size(each * census.page_size)}), "
        "coloured as most of them"
    )
    grid = f"{what}; addresses rise to the right, then down."
    if census.sample is not None:
        grid += " Pages outside the sample count as what the sample has in their cell."
    if pages.holes:
        grid += f" {pages.holes:,} zero pages that are holes of a file are not shown."

    words = (
        f"Every page that was read, by what {measured.algorithm} makes of it: the darker, the more "
        "RAM it takes."
    )

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        _draw_map(axes, pages)
        _legend(figure, _map_legend(pages), columns=4)
        axes.set_title(f"What the pages are ({measured.algorithm})")
        axes.set_xlabel(fill(grid, 110))

    def hover() -> dict[str, Any]:
        return map_cells(pages, cell_facts(census, measured, pages), classes, _MEANINGS)

    title = f"What the pages are ({measured.algorithm})"
    return Panel("map", title, words, 6.0, draw, hover)


def _draw_map(axes: Axes, pages: PageMap) -> None:
    lines, columns = pages.cells.shape
    image = cell_colours(pages.cells)
    extent = (0.0, float(columns), float(lines), 0.0)
    axes.imshow(image, extent=extent, aspect="auto", interpolation="none")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    for part in pages.parts[1:]:
        axes.axhline(part.first_line, color=BLACK, linewidth=0.8)
    labels = [
        (short(part.name), part.first_line, part.lines, _pages(part.pages)) for part in pages.parts
    ]
    _bracket(axes, [(f"{name}\n{size}", at, n) for name, at, n, size in labels], lines, left=True)
    least = lines * _LABEL_SHARE
    shown = [stretch for stretch in pages.stretches if stretch.lines >= least]
    if any(stretch.mapping is not Mapping.UNKNOWN for stretch in shown):
        named = [(str(each.mapping), each.first_line, each.lines) for each in shown]
        _bracket(axes, named, lines, left=False)


def _map_legend(pages: PageMap) -> list[Patch]:
    """What the colours mean, and how many pages are such."""
    total = max(sum(pages.pages), 1)
    return [
        Patch(
            facecolor="white" if look in _HATCHED else _COLOURS[look],
            edgecolor=_COLOURS[look] if look in _HATCHED else GREY,
            hatch=_HATCHED.get(look),
            linewidth=0.4,
            label=f"{meaning}  {_percent(pages.pages[look] / total)}",
        )
        for look, meaning in _MEANINGS.items()
        if pages.pages[look]
    ]


def _legend(figure: FigureBase, handles: Sequence[Artist], columns: int) -> None:
    """A legend below everything else, where it covers nothing."""
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _count(value: float, _position: float) -> str:
    return f"{value:,.0f}"


def _pages(number: int) -> str:
    return "1 page" if number == 1 else f"{number:,} pages"


def _percent(share: float) -> str:
    return "< 0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def cell_colours(cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The map as RGB pixels, _PIXELS a side of a cell; hatched cells as stripes on white."""
    colours = np.array([[round(255 * c) for c in to_rgb(_COLOURS[look])] for look in Look])
    large = cells.repeat(_PIXELS, axis=0).repeat(_PIXELS, axis=1)
    image = colours.astype(np.uint8)[large]
    diagonal = np.add.outer(np.arange(large.shape[0]), np.arange(large.shape[1]))
    for look in _HATCHED:
        image[(large == look) & (diagonal % _PIXELS >= _PIXELS // 2)] = 255
    return image


def _bracket(axes: Axes, labels: Sequence[tuple[str, int, int]], lines: int, *, left: bool) -> None:
    """Labels beside the map, each with a bracket along its lines, none over another."""
    edge, side = (-0.008, -1) if left else (1.008, 1)
    height = max((text.count("\n") + 1 for text, _, _ in labels), default=1)
    middles = [(first + number / 2) / lines for _, first, number in labels]
    places = spread(middles, _LABEL_SHARE * height)
    for (text, first, number), middle, place in zip(labels, middles, places, strict=True):
        gap = min(0.15, number / 4) / lines
        ends = [1 - first / lines - gap, 1 - (first + number) / lines + gap]
        line = axes.plot(
            [edge, edge, edge, edge + side * 0.012],
            [*ends, 1 - middle, 1 - place],
            transform=axes.transAxes,
            color=GREY,
            linewidth=0.8,
            clip_on=False,
        )
        line[0].set_in_layout(False)
        axes.text(
            edge + side * 0.018,
            1 - place,
            text,
            transform=axes.transAxes,
            ha="right" if left else "left",
            va="center",
        )


def spread(places: Sequence[float], gap: float) -> list[float]:
    """`places` from 0 to 1, ascending, moved as little as may be so that all are `gap` apart.

    Where they do not fit they are spaced evenly.
    """
    if (len(places) - 1) * gap > 1:
        return [i / (len(places) - 1) for i in range(len(places))]
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    limit = 1.0
    for i in reversed(range(len(moved))):
        moved[i] = limit = min(moved[i], limit)
        limit -= gap
    return moved


def _sizes_panel(census: Census, measured: Measured, sizes: ClassHistogram | None) -> Panel:
    title = f"Sizes when compressed ({measured.algorithm})"
    lost = 0.0 if sizes is None else sizes.lost_share
    words = (
        f"Data pages by the zsmalloc size class that holds them, in bytes of a page of "
        f"{census.page_size:,}. Rounding up to a class loses {lost:.1%} of the pool."
    )
    if census.sample is not None:
        words += " Counted from a sample."

    def draw(figure: FigureBase) -> None:
        if sizes is None or not sizes.pages.any():
            why = "no data pages" if sizes else "too few pages were compressed to say"
            _nothing(figure, title, why)
            return
        above, below = figure.subplots(2, sharex=True, height_ratios=(2.2, 1))
        used = _draw_sizes(above, below, census.page_size, sizes)
        handles = [Patch(facecolor=_COLOURS[look], label=_MEANINGS[look]) for look in used]
        _legend(figure, handles, columns=3)
        above.set_title(title)

    return Panel("sizes", title, words, 4.5, draw)


def _draw_sizes(above: Axes, below: Axes, page_size: int, sizes: ClassHistogram) -> list[Look]:
    """Draw both, in the colours of the map; returns the Looks that occur."""
    bands = {
        Look.TO_QUARTER: page_size // 4,
        Look.TO_HALF: page_size // 2,
        Look.TO_THREE_QUARTERS: page_size * 3 // 4,
        Look.TO_WHOLE: int(sizes.edges[-2]),
        Look.WHOLE: page_size,
    }
    # A class that spans two bands counts with the band of its largest size.
    ends = np.searchsorted(sizes.edges[1:] - 1, list(bands.values()), side="right").tolist()
    used = []
    for look, (begin, end) in zip(bands, itertools.pairwise([0, *ends]), strict=True):
        edges, pages = sizes.edges[begin : end + 1], sizes.pages[begin:end]
        above.stairs(pages, edges, fill=True, color=_COLOURS[look])
        if pages.any():
            used.append(look)
    above.set_ylabel("pages in the class")
    above.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    above.yaxis.set_major_formatter(_count)
    below.stairs(
        sizes.lost, sizes.edges, fill=True, facecolor="white", edgecolor=BLACK, linewidth=0.4,
        hatch="//////",
    )  # fmt: skip
    below.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    below.set_ylabel("lost of\nthe pool")
    below.set_xlabel("bytes that a page compresses to")
    below.set_ylim(0, max(1.1 * float(sizes.lost.max()), 0.001))
    below.set_xlim(0, page_size)
    below.set_xticks([page_size * i // 4 for i in range(5)])
    below.xaxis.set_major_formatter(_count)
    for axes in (above, below):
        axes.grid(axis="y")
    return used


def _copies_panel(buckets: list[Bucket]) -> Panel:
    title = "Copies of a content"
    again = sum(bucket.pages - bucket.contents for bucket in buckets)
    all_pages = sum(bucket.pages for bucket in buckets)
    share = again / all_pages if all_pages else 0.0
    words = (
        f"Data pages by how often their content occurs: {again:,} of them ({share:.1%}) are "
        "copies, which dedup or KSM would not store."
    )

    def draw(figure: FigureBase) -> None:
        if not buckets:
            _nothing(figure, title, "no data pages")
            return
        axes = figure.subplots()
        _draw_copies(axes, buckets)
        _legend(figure, axes.get_legend_handles_labels()[0], columns=2)
        axes.set_title(title)

    return Panel("copies", title, words, 4.0, draw)


def _draw_copies(axes: Axes, buckets: list[Bucket]) -> None:
    at = np.arange(len(buckets))
    contents = np.array([bucket.contents for bucket in buckets])
    pages = np.array([bucket.pages for bucket in buckets])
    axes.bar(at - 0.2, contents, 0.4, color=BLUE, label="contents, each once")
    axes.bar(
        at + 0.2, pages, 0.4, color=ORANGE, edgecolor=BLACK, linewidth=0.4, hatch="////",
        label="pages, all copies",
    )  # fmt: skip
    names = [_range(bucket.copies) for bucket in buckets]
    turned = 0 if sum(map(len, names)) <= 24 else 60
    axes.set_xticks(at, names, rotation=turned)
    axes.set_xlim(-0.7, len(buckets) - 0.3)
    axes.set_xlabel("how often the content is there")
    axes.set_ylabel("number")
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    # Thousands of contents with two copies stand beside one with thousands.
    if pages.max() > 50 * contents.min():
        axes.set_yscale("log")
        axes.set_ylim(0.5, pages.max() * 2)
        axes.set_ylabel("number (logarithmic)")
    axes.yaxis.set_major_formatter(_count)
    axes.grid(axis="y")


def _range(copies: int) -> str:
    return "1" if copies == 1 else f"{copies}–{2 * copies - 1}"


def _ram_panel(census: Census, bars: list[RamBar]) -> Panel:
    total = census.total * census.page_size
    best = min(bars, key=lambda bar: bar.ram_bytes)
    words = (
        f"RAM that {format_size(total)} of pages still take. Least: {best.name}, "
        f"{format_size(best.ram_bytes)}. Lines with ends: how far a figure may be off, by the "
        "compressor and, with a sample, 95 times in 100."
    )

    def draw(figure: FigureBase) -> None:
        axes = figure.subplots()
        _draw_ram(axes, bars, total)
        _legend(figure, axes.get_legend_handles_labels()[0], columns=5)
        axes.set_title("RAM still taken")

    return Panel("ram", "RAM still taken", words, 1.4 + 0.3 * len(bars), draw)


def _draw_ram(axes: Axes, bars: list[RamBar], total: int) -> None:
    most = max([total, *(bar.most_bytes for bar in bars)])
    unit, name = binary_unit(most)
    at = np.arange(len(bars))
    pool = np.array([bar.pool_bytes for bar in bars]) / unit
    metadata = np.array([bar.metadata_bytes for bar in bars]) / unit
    kept = np.array([bar.kept_bytes for bar in bars]) / unit
    axes.barh(at, pool, 0.7, color="#86bddd", label="pool")
    axes.barh(at, metadata, 0.7, left=pool, color="#0b3d73", label="metadata")
    if kept.any():
        axes.barh(
            at, kept, 0.7, left=pool + metadata, color="white", edgecolor=GREY, hatch="////",
            linewidth=0.4, label="refused, kept as they are",
        )  # fmt: skip
    sums = np.array([bar.ram_bytes for bar in bars]) / unit
    least = np.array([bar.least_bytes for bar in bars]) / unit
    highest = np.array([bar.most_bytes for bar in bars]) / unit
    axes.errorbar(
        sums, at, xerr=np.stack([sums - least, highest - sums]), fmt="none", ecolor="#d55e00",
        capsize=3, elinewidth=1.2, label="how far it may be off",
    )  # fmt: skip
    axes.axvline(
        total / unit,
        color=BLACK,
        linestyle="--",
        linewidth=1,
        label=f"uncompressed: {format_size(total)}",
    )
    for y, bar in enumerate(bars):
        text = f" {format_size(bar.ram_bytes)}, saves {bar.saved_share:.0%} "
        place = bar.most_bytes / unit
        inside = place > 0.75 * most / unit
        axes.annotate(
            text,
            (0.02 * most / unit if inside else place, y),
            xytext=(0 if inside else 4, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
        )
    axes.set_yticks(at, [bar.name for bar in bars])
    axes.set_ylim(max(len(bars), 4) - 0.4, -0.6)
    axes.set_xlabel(f"RAM, {name}")
    axes.set_xlim(0, most / unit * 1.02 or 1)
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.grid(axis="x")


def _nothing(figure: FigureBase, title: str, why: str) -> None:
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes, color=GREY)
