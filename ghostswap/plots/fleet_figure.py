"""A fleet as a picture: how the ratio spreads over hosts, and which hosts share."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ghostswap.plots.canvas import BLACK, BLUE, GREY, ORANGE, binary_unit, figure, short

if TYPE_CHECKING:
    from ghostswap.fleet.survey import Fleet

MOST_HOSTS = 32  # in the matrix: more could not be read
_LINES = ((BLUE, "-"), (BLUE, "--"), (BLACK, "-"), (BLACK, "--"), (ORANGE, "-"), (GREY, "-."))


def title_of(fleet: "Fleet") -> str:
    """What was counted, in a line."""
    return f"Compressed swap and page dedup on {len(fleet.hosts):,} hosts"


def spread_and_sharing(fleet: "Fleet") -> Figure:
    """Both panels, one below the other."""
    drawn = figure(9.0)
    drawn.suptitle(title_of(fleet), fontsize=10)
    above, below = drawn.subplots(2, 1, height_ratios=(2, 3))
    _spread(above, fleet)
    _sharing(below, drawn, fleet)
    return drawn


def _spread(axes: Axes, fleet: "Fleet") -> None:
    """For each system, which share of hosts has at most which ratio."""
    for number, system in enumerate(fleet.systems):
        ratios = np.sort([host.systems[number].ratio or 1.0 for host in fleet.hosts])
        share = np.arange(1, len(ratios) + 1) / len(ratios)
        color, style = _LINES[number % len(_LINES)]
        each = system.shared
        name = f"{each.system} {each.algorithm}" if each.algorithm else str(each.system)
        axes.step(
            np.concatenate([ratios[:1], ratios]), np.concatenate([[0.0], share]), where="post",
            color=color, linestyle=style, linewidth=1.2, label=name,
        )  # fmt: skip
    axes.set_title("Spread over hosts")
    axes.set_xlabel("memory over the RAM that it takes")
    axes.set_ylabel("share of hosts with at most that")
    axes.set_ylim(0, 1.02)
    axes.grid()
    axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")


def sharing_matrix(fleet: "Fleet") -> tuple[list[str], NDArray[np.float64]]:
    """The hosts that share most, and the bytes that each two of them share; not a number where a
    pair is not among those that were counted, and for a host with itself."""
    total: dict[str, int] = {}
    for pair in fleet.pairs:
        for name in (pair.a, pair.b):
            total[name] = total.get(name, 0) + pair.shared_pages
    names = sorted(sorted(total, key=lambda name: -total[name])[:MOST_HOSTS])
    at = {name: number for number, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    for pair in fleet.pairs:
        if pair.a in at and pair.b in at:
            a, b = at[pair.a], at[pair.b]
            matrix[a, b] = matrix[b, a] = pair.shared_pages * fleet.inventory.page_size
    return names, matrix


def _sharing(axes: Axes, drawn: Figure, fleet: "Fleet") -> None:
    names, matrix = sharing_matrix(fleet)
    axes.set_title("Contents that two hosts share")
    if not names:
        axes.text(0.5, 0.5, "no two hosts share any", ha="center", va="center")
        axes.set_axis_off()
        return
    unit, name = binary_unit(float(np.nanmax(matrix)))
    shown = axes.imshow(matrix / unit, cmap="cividis_r", vmin=0, interpolation="nearest")
    drawn.colorbar(shown, ax=axes, label=f"{name}, each content once", shrink=0.8)
    labels = [short(each, 18) for each in names]
    axes.set_xticks(range(len(names)), labels, rotation=90)
    axes.set_yticks(range(len(names)), labels)
    axes.spines[:].set_visible(False)
