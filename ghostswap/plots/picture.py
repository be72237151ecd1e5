"""A picture in the form its file's ending asks for: SVG, PNG, or an HTML report."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from matplotlib.figure import Figure

from ghostswap.plan.answer import Plan
from ghostswap.plots import estimate_figure, fleet_figure, html, plan_figure
from ghostswap.plots.canvas import as_png, as_svg, drawing
from ghostswap.plots.panels import panels
from ghostswap.report.comparison import FOOTPRINT
from ghostswap.report.estimate import Estimate, page_counts
from ghostswap.report.fields import Field, titled
from ghostswap.report.plan import DESIGN, SIZING
from ghostswap.units import format_size

if TYPE_CHECKING:
    from ghostswap.fleet.survey import Fleet

T = TypeVar("T")


class Form(StrEnum):
    """What kinds of file there are, by their ending."""

    SVG = "svg"
    PNG = "png"
    HTML = "html"

    @classmethod
    def of(cls, path: Path) -> "Form":
        """What the ending of `path` asks for; ValueError for any other."""
        return cls(path.suffix.lower().removeprefix("."))


def of_estimate(estimate: Estimate, form: Form) -> bytes:
    """The four panels of an estimate; the report has its tables too."""
    title = estimate_figure.title_of(estimate)
    with drawing():
        if form is not Form.HTML:
            return _image(estimate_figure.one_page(estimate), title, form)
        figures = [
            html.Illustration(
                panel.title,
                panel.words,
                as_svg(estimate_figure.alone(panel), panel.title, prefix=panel.name),
                None if panel.hover is None else panel.hover(),
            )
            for panel in panels(estimate)
        ]
    return html.document(title, _notes(estimate), [_pages(estimate), _systems(estimate)], figures)


def of_plan(plans: Sequence[Plan], form: Form) -> bytes:
    """Size against saving for each machine; the report has the sizes and the designs too."""
    title = plan_figure.title_of(plans)
    with drawing():
        if form is not Form.HTML:
            return _image(plan_figure.size_against_saving(plans), title, form)
        figures = [
            html.Illustration(
                title,
                plan_figure.words_of(plan),
                as_svg(plan_figure.size_against_saving([plan]), title, prefix=f"plan{number}-"),
            )
            for number, plan in enumerate(plans)
        ]
    return html.document(title, [], [_sizes(plans), _designs(plans[0])], figures)


def of_fleet(fleet: "Fleet", form: Form) -> bytes:
    """How ratios spread over hosts, and which share; the report has the systems too."""
    title = fleet_figure.title_of(fleet)
    with drawing():
        drawn = fleet_figure.spread_and_sharing(fleet)
        if form is not Form.HTML:
            return _image(drawn, title, form)
        words = (
            "Above: the share of hosts whose memory over the RAM that it takes is at most so much. "
            "Below: the hosts that share most; blank where a pair is not among those counted."
        )
        illustration = html.Illustration(title, words, as_svg(drawn, title, prefix="fleet"))
    fields = titled(FOOTPRINT)
    rows = [_cells(fields, each.shared) for each in fleet.systems]
    headings = [field.title for field in fields]
    table = html.Table("As if all hosts were one", headings, rows, numbers_from=2)
    return html.document(title, list(fleet.inventory.notes), [table], [illustration])


def _image(drawn: Figure, title: str, form: Form) -> bytes:
    write: Callable[[Figure, str], bytes] = as_svg if form is Form.SVG else as_png
    return write(drawn, title)


def _notes(estimate: Estimate) -> list[str]:
    """What makes the figures less than exact and complete."""
    census = estimate.census
    notes = [f"Pools as Linux {estimate.comparison.rules.version} makes them."]
    if census.sample is not None:
        notes.append("Compressed sizes are from a sample; copies were counted exactly.")
    if census.partial:
        notes.append("The scan was interrupted: this covers the pages read until then.")
    return notes + [
        f"{source.facts.name}: {warning}"
        for source in census.sources
        for warning in source.facts.warnings
    ]


def _pages(estimate: Estimate) -> html.Table:
    counts = page_counts(estimate.census)
    names = ("zero", "same_filled", "distinct", "duplicate", "total")
    rows = [
        [
            name.replace("_", "-"),
            f"{counts[name]:,}",
            f"{counts[name] / max(counts['total'], 1):.1%}",
            format_size(counts[name] * estimate.census.page_size),
        ]
        for name in names
    ]
    return html.Table("Pages by kind", ("Kind", "Pages", "Share", "Size"), rows)


def _systems(estimate: Estimate) -> html.Table:
    fields = titled(FOOTPRINT)
    rows = [_cells(fields, system) for system in estimate.comparison.footprints]
    headings = [field.title for field in fields]
    return html.Table("Systems", headings, rows, numbers_from=2)


def _sizes(plans: Sequence[Plan]) -> html.Table:
    titles = ("System", "RAM", "Pool limit", "Holds", "At worst", "At best", "Recommended")
    fields = titled(SIZING, *titles)
    sizings = (sizing for plan in plans for sizing in (plan.sizing, *plan.others))
    return html.Table("Sizes", titles, [_cells(fields, sizing) for sizing in sizings])


def _designs(plan: Plan) -> html.Table:
    titles = ("Design", "Metadata", "Pool", "RAM", "Disk")
    fields = titled(DESIGN, *titles)
    size = format_size(plan.sizing.limit.ram_bytes)
    rows = [_cells(fields, cost) for cost in plan.designs]
    return html.Table(f"The same memory under other designs, {size} of RAM", titles, rows)


def _cells(fields: Sequence[Field[T]], row: T) -> list[str]:
    return [field.cell(row) for field in fields]
