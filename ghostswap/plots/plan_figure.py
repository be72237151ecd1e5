"""A plan as a picture: RAM saved against the size of the area, for each machine."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ghostswap.plan.answer import Plan
from ghostswap.plots.canvas import BLACK, BLUE, HEIGHT, binary_unit, figure
from ghostswap.plots.saving import saving_curve
from ghostswap.units import format_size

_HEIGHT_EACH = 3.6  # inches


def title_of(plans: Sequence[Plan]) -> str:
    """What was planned, in a line."""
    first = plans[0]
    algorithm = f" {first.input.algorithm}" if first.input.algorithm else ""
    return f"Size of a swap area for {first.sizing.footprint.system}{algorithm}: {first.input.name}"


def words_of(plan: Plan) -> str:
    """What the picture of one machine says."""
    sizing, limit = plan.sizing, plan.sizing.limit
    full = sizing.expected * sizing.footprint.page_size
    return (
        f"{format_size(limit.ram_bytes)} of RAM, {limit.percent} % of it for the pool: "
        f"the saving grows with the area until the pool is full, at "
        f"{format_size(full)} if pages compress as measured. "
        f"The band is where they compress {sizing.error:.1%} worse or better. "
        "Beyond it, slots that are never used cost a little."
    )


def size_against_saving(plans: Sequence[Plan]) -> Figure:
    """A panel a machine, one below the other."""
    columns = 1 if len(plans) <= 3 else 2
    rows = -(-len(plans) // columns)
    drawn = figure(min(0.6 + _HEIGHT_EACH * rows, HEIGHT * max(1, rows / 4)))
    drawn.suptitle(title_of(plans), fontsize=10)
    grid = drawn.subplots(rows, columns, squeeze=False)
    for axes, plan in zip(grid.flat, plans, strict=False):
        _draw(axes, plan)
    for axes in grid.flat[len(plans) :]:
        axes.set_axis_off()
    return drawn


def _draw(axes: Axes, plan: Plan) -> None:
    sizing, curve = plan.sizing, saving_curve(plan)
    unit, name = binary_unit(float(curve.area[-1]))
    saved_unit, saved_name = binary_unit(float(curve.optimistic.max()))
    area = curve.area / unit
    axes.fill_between(
        area, curve.pessimistic / saved_unit, curve.optimistic / saved_unit, color="#86bddd",
        alpha=0.6, linewidth=0, label="pessimistic to optimistic",
    )  # fmt: skip
    axes.plot(
        area, curve.pessimistic / saved_unit, color=BLUE, linewidth=0.9, linestyle="--",
        label="pessimistic",
    )  # fmt: skip
    axes.plot(area, curve.expected / saved_unit, color=BLACK, linewidth=1.6, label="expected")
    recommended = sizing.recommended_bytes
    axes.axvline(
        recommended / unit, color="#d55e00", linewidth=1.2, linestyle="-.",
        label=f"recommended: {format_size(recommended)}",
    )  # fmt: skip
    axes.set_xlim(0, float(area[-1]))
    axes.set_ylim(bottom=min(0.0, float(curve.pessimistic.min()) / saved_unit))
    axes.margins(y=0.08)
    ram, limit = format_size(sizing.limit.ram_bytes), format_size(sizing.limit_bytes)
    axes.set_title(f"{ram} of RAM, pool up to {limit}")
    axes.set_xlabel(f"size of the area, {name}")
    axes.set_ylabel(f"RAM saved when full, {saved_name}")
    axes.xaxis.set_major_locator(MaxNLocator(9))
    axes.grid()
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
