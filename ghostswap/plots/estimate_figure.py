"""An estimate as one page with the four panels, or each panel on its own."""

from matplotlib.figure import Figure

from ghostswap.plots.canvas import HEIGHT, figure, short
from ghostswap.plots.panels import Panel, panels
from ghostswap.report.estimate import Estimate
from ghostswap.units import format_size


def title_of(estimate: Estimate) -> str:
    """What was measured, in a line."""
    census = estimate.census
    names = [short(source.facts.name, 32) for source in census.sources[:3]]
    more = f" and {len(census.sources) - 3} more" if len(census.sources) > 3 else ""
    size = format_size(census.total * census.page_size)
    pages = "1 page" if census.total == 1 else f"{census.total:,} pages"
    how = "" if census.sample is None else ", from a sample"
    part = ", interrupted" if census.partial else ""
    return f"{', '.join(names)}{more}: {pages}, {size}{how}{part}"


def one_page(estimate: Estimate) -> Figure:
    """All four panels on a page of A4."""
    whole = figure(HEIGHT)
    whole.suptitle(title_of(estimate), fontsize=10)
    page_map, sizes, copies, ram = panels(estimate)
    grid = whole.add_gridspec(3, 2, height_ratios=(5.2, 3.2, max(2.6, ram.height * 0.6)))
    page_map.draw(whole.add_subfigure(grid[0, :]))
    sizes.draw(whole.add_subfigure(grid[1, 0]))
    copies.draw(whole.add_subfigure(grid[1, 1]))
    ram.draw(whole.add_subfigure(grid[2, :]))
    return whole


def alone(panel: Panel) -> Figure:
    """One panel as a figure of its own."""
    drawn = figure(panel.height)
    panel.draw(drawn)
    return drawn
