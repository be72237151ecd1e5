"""What pictures show, as numbers: maps, histograms, bars and curves against what they are made of;
and that drawing them is repeatable and stands any census."""

import base64
import html
import html.parser
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.census import codecs
from ghostswap.census.population import Copies, Population, SizeHistogram
from ghostswap.census.scan import scan
from ghostswap.census.table import Census, Contents, Measured, Sample, SourceRows
from ghostswap.kernel.rules import Rules, rules_for
from ghostswap.kernel.slots import Design
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zsmalloc import pool, size_classes
from ghostswap.pages.source import Facts, Mapping, Segment, SourceKind
from ghostswap.plan.answer import Plan, PlanInput, PlanRequest, plan
from ghostswap.plan.demand import Demand, DemandSource
from ghostswap.plan.sizing import PoolLimit
from ghostswap.plots import html as html_report
from ghostswap.plots import picture
from ghostswap.plots.page_map import COLUMNS, LINES, MOST_PARTS, Look, looks_of_rows, page_map
from ghostswap.plots.panels import cell_colours, spread
from ghostswap.plots.picture import Form
from ghostswap.plots.ram_bars import ram_bars
from ghostswap.plots.saving import saving_curve
from ghostswap.plots.size_classes import class_histogram
from ghostswap.report.estimate import Estimate, page_counts
from ghostswap.systems.comparison import compare
from ghostswap.systems.footprint import System

PAGE = 4096
KERNEL = KernelVersion(6, 18)
RULES = rules_for(KERNEL, {})
WHOLE_FROM = RULES.classes(PAGE).huge_class_size
# Contents by number: zero, a repeated word, then data of these compressed sizes.
ZERO, SAME = 0, 1
SIZES = (0, 9, 500, 1024, 1025, 2048, 2049, 3072, 3073, WHOLE_FROM - 1, WHOLE_FROM, PAGE + 1, 0)
UNMEASURED = len(SIZES) - 1


def census_of(*pages: Sequence[int], readable: Sequence[bool] = (), segments: Any = ()) -> Census:
    """A census whose sources hold the contents of SIZES with these numbers."""
    rows = np.array([number for each in pages for number in each], dtype=np.uint64)
    there = (
        np.array(readable, dtype=np.bool_) if len(readable) else np.ones(len(rows), dtype=np.bool_)
    )
    numbers, copies = np.unique(rows[there], return_counts=True)
    firsts = itertools.accumulate((len(each) for each in pages), initial=0)
    sources = tuple(
        SourceRows(Facts(f"{i}.core", SourceKind.CORE), first, len(each), tuple(segments))
        for i, (first, each) in enumerate(zip(firsts, pages, strict=False))
    )
    sizes = np.array([SIZES[number] for number in numbers.tolist()], dtype=np.uint16)
    return Census(
        PAGE,
        0,
        sources,
        rows,
        there,
        Contents(numbers, copies.astype(np.int64), numbers == ZERO, numbers == SAME),
        (Measured("lz4", sizes, None, 0.0),),
        partial=False,
    )


def estimate_of(census: Census, rules: Rules = RULES) -> Estimate:
    return Estimate(census, compare(census, rules))


def scanned(path: Path, pages: Sequence[bytes], page_size: int = PAGE) -> Estimate:
    """An estimate of a dump of these pages, under two algorithms."""
    from ghostswap.application.sources import Sources, open_sources

    path.write_bytes(b"".join(pages))
    opened = open_sources(Sources(files=[path], raw=True), page_size)
    return estimate_of(scan(opened, page_size, [codecs.find("lz4"), codecs.find("zstd")], jobs=1))


def a_plan(ram: int = 8 << 30, demand: int | None = None) -> Plan:
    stated = None if demand is None else Demand(demand, DemandSource.GIVEN)
    planned_from = PlanInput.of_ratio(3.0, PAGE, RULES)
    return plan(planned_from, PoolLimit(ram, 20), PlanRequest(System.ZSWAP, KERNEL, 0.1, stated))


def looks(census: Census) -> list[Look]:
    return [Look(each) for each in looks_of_rows(census, census.measured[0], WHOLE_FROM).tolist()]


def test_a_page_is_shown_by_what_it_takes() -> None:
    assert looks(census_of(range(len(SIZES)))) == [
        Look.ZERO,
        Look.SAME_FILLED,
        Look.TO_QUARTER,
        Look.TO_QUARTER,
        Look.TO_HALF,
        Look.TO_HALF,
        Look.TO_THREE_QUARTERS,
        Look.TO_THREE_QUARTERS,
        Look.TO_WHOLE,
        Look.TO_WHOLE,
        Look.WHOLE,
        Look.WHOLE,
        Look.UNMEASURED,
    ]


def test_the_first_of_a_content_is_no_copy_and_the_others_are() -> None:
    census = census_of([4, 2, 4], [2, 3, 4])
    quarter, half, copy = Look.TO_QUARTER, Look.TO_HALF, Look.DUPLICATE
    assert looks(census) == [half, quarter, copy, copy, quarter, copy]


def test_copies_are_found_also_between_rows_that_are_looked_at_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    census = census_of([4, 2, 4, 5, 0], [2, 3, 4, 1, 1, 3], readable=[True] * 9 + [False, True])
    at_once = looks(census)
    assert at_once.count(Look.DUPLICATE) == 4
    for rows in (1, 2, 3, 7):
        monkeypatch.setattr("ghostswap.plots.page_map._ROWS_AT_ONCE", rows)
        assert looks(census) == at_once


def test_a_page_that_was_not_had_is_shown_as_not_readable() -> None:
    census = census_of([2, 2, 2], readable=[False, True, True])
    assert looks(census) == [Look.UNREAD, Look.TO_QUARTER, Look.DUPLICATE]


@given(
    st.lists(
        st.lists(st.integers(0, len(SIZES) - 1), min_size=1, max_size=60), min_size=1, max_size=30
    )
)
def test_the_map_has_a_cell_for_each_page_and_counts_as_the_report_does(
    pages: list[list[int]],
) -> None:
    census = census_of(*pages)
    of_pages = page_map(census, census.measured[0], WHOLE_FROM)
    counts = page_counts(census)
    assert of_pages.pages_a_cell == 1
    shown = np.bincount(of_pages.cells.ravel(), minlength=len(Look))
    assert shown[: Look.NO_PAGE].sum() == counts["total"]
    assert of_pages.pages[Look.ZERO] == counts["zero"]
    assert of_pages.pages[Look.SAME_FILLED] == counts["same_filled"]
    assert of_pages.pages[Look.DUPLICATE] == counts["duplicate"]
    assert sum(part.pages for part in of_pages.parts) == counts["total"]
    assert len(of_pages.parts) == min(len(pages), MOST_PARTS)
    assert sum(part.lines for part in of_pages.parts) == len(of_pages.cells)


def test_a_map_of_millions_of_pages_shows_what_most_pages_of_a_cell_are() -> None:
    each = 3 << 20
    census = census_of(np.repeat([ZERO, SAME], each).tolist())
    of_pages = page_map(census, census.measured[0], WHOLE_FROM)
    assert of_pages.cells.shape[1] == COLUMNS
    assert len(of_pages.cells) <= LINES + 1
    half = of_pages.cells.ravel()[: each // of_pages.pages_a_cell]
    assert (half == Look.ZERO).all()
    assert of_pages.pages[Look.SAME_FILLED] == each


def sampled(sizes: Sequence[int]) -> Census:
    """A census of a data page for each of `sizes`, no two alike; 0 is one outside the sample."""
    numbers = np.arange(len(sizes), dtype=np.uint64)
    none = np.zeros(len(sizes), dtype=np.bool_)
    return Census(
        PAGE,
        0,
        (SourceRows(Facts("a.core", SourceKind.CORE), 0, len(sizes), ()),),
        numbers,
        ~none,
        Contents(numbers, np.ones(len(sizes), dtype=np.int64), none, none),
        (Measured("lz4", np.array(sizes, dtype=np.uint16), None, 0.0),),
        partial=False,
        sample=Sample(0.01, 2, 0, none.astype(np.int32)),
    )


def test_pages_outside_a_sample_count_as_what_the_sample_has_in_their_cell() -> None:
    cells = COLUMNS * LINES // 2
    census = sampled([0, 0, 500, 0, 0, 0, 0, 0, 0, 3000] * cells + [0] * 10 * cells)
    of_pages = page_map(census, census.measured[0], WHOLE_FROM)
    assert of_pages.pages_a_cell == 10
    half = len(of_pages.cells) // 2
    assert (of_pages.cells[:half] == Look.TO_QUARTER).all()
    assert (of_pages.cells[half:] == Look.UNMEASURED).all()
    assert of_pages.pages[Look.UNMEASURED] == 18 * cells


def test_mappings_are_labelled_where_they_lie() -> None:
    segments = [Segment(0, 3000, Mapping.HEAP), Segment(3000, 5000, Mapping.ANON)]
    census = census_of([ZERO] * 8000, segments=segments)
    of_pages = page_map(census, census.measured[0], WHOLE_FROM)
    assert [stretch.mapping for stretch in of_pages.stretches] == [Mapping.HEAP, Mapping.ANON]
    lines = len(of_pages.cells)
    assert of_pages.stretches[0].lines == pytest.approx(lines * 3 / 8, abs=1)


def test_of_many_sources_the_largest_are_named_and_the_others_counted() -> None:
    census = census_of(*([ZERO] * (i + 1) for i in range(30)))
    of_pages = page_map(census, census.measured[0], WHOLE_FROM)
    assert [part.name for part in of_pages.parts[:-1]] == [f"{i}.core" for i in range(19, 30)]
    assert of_pages.parts[-1].name == "19 others"


def test_looks_get_darker_the_more_ram_a_page_takes() -> None:
    """So the map reads in black and white."""
    cells = np.arange(Look.WHOLE + 1, dtype=np.uint8).reshape(-1, 1)
    red, green, blue = np.moveaxis(cell_colours(cells).astype(float), -1, 0)
    lightness = (0.299 * red + 0.587 * green + 0.114 * blue)[::4, 0]
    assert (np.diff(lightness) < -8).all()


@given(
    st.dictionaries(st.integers(1, PAGE + 1), st.integers(1, 500), min_size=1),
    st.sampled_from([{}, {"before_6_3": True}, {"chain_size": 16}]),
)
def test_size_classes_hold_every_data_page_and_lose_what_the_pool_does(
    sizes: dict[int, int], build: dict[str, Any]
) -> None:
    classes = size_classes(PAGE, **build)
    counts = np.zeros(PAGE + 2)
    # Full zspages, so that the pool holds nothing but objects and what rounding loses.
    for size, number in sizes.items():
        held_as = size if size < classes.huge_class_size else PAGE
        counts[size] = number * classes.objects[classes.of_payload[held_as]]
    none = SizeHistogram(np.zeros(PAGE + 2), np.zeros(PAGE + 2))
    nothing = Copies(np.zeros(0, np.int64), np.zeros(0, np.int64))
    pages = Population(PAGE, "lz4", 0, none, SizeHistogram(counts, counts), nothing)
    bars = class_histogram(pages, classes)
    assert bars.pages.sum() == counts.sum()
    stored = counts[: PAGE + 1].copy()
    stored[classes.huge_class_size :] = 0
    stored[PAGE] = counts[classes.huge_class_size :].sum()
    taken = pool(classes, stored).bytes
    assert bars.lost_share == pytest.approx(1 - stored @ np.arange(PAGE + 1) / taken, abs=1e-9)
    assert (np.diff(bars.edges) > 0).all()
    assert len(bars.edges) == len(bars.pages) + 1


def test_bars_end_where_the_report_says() -> None:
    estimate = estimate_of(census_of([2, 3, 4, 5] * 50 + [ZERO] * 9))
    for bar, system in zip(ram_bars(estimate), estimate.comparison.footprints, strict=True):
        assert bar.ram_bytes == system.ram_bytes
        assert bar.least_bytes <= bar.ram_bytes <= bar.most_bytes


def test_a_sample_that_says_nothing_has_no_bar() -> None:
    census = sampled([1000] + [0] * 99)
    assert [bar.name for bar in ram_bars(estimate_of(census))] == ["ksm"]
    assert picture.of_estimate(estimate_of(census), Form.PNG)


@pytest.mark.parametrize("demand", [None, 1 << 30])
def test_the_saving_at_the_recommended_size_is_that_of_the_ghost_in_the_table(
    demand: int | None,
) -> None:
    planned = a_plan(demand=demand)
    sizing = planned.sizing
    curve = saving_curve(planned)
    at = int(np.argmin(abs(curve.area - sizing.recommended_slots * PAGE)))
    (ghost,) = (bill for bill in planned.designs if bill.design is Design.GHOST)
    held = sizing.footprint.memory_of(sizing.used)
    assert curve.expected[at] == pytest.approx(held - ghost.ram_bytes, rel=1e-3)


def test_a_larger_area_saves_more_until_the_pool_is_full_and_then_a_little_less() -> None:
    planned = a_plan()
    curve = saving_curve(planned)
    full = planned.sizing.expected * PAGE
    assert (np.diff(curve.expected[curve.area <= full]) > 0).all()
    assert (np.diff(curve.expected[curve.area >= full]) < 0).all()
    assert (curve.pessimistic <= curve.expected).all()
    assert (curve.expected <= curve.optimistic).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).map(sorted), st.floats(0.01, 0.2))
def test_labels_never_lie_over_one_another(places: list[float], gap: float) -> None:
    moved = spread(places, gap)
    room = min(gap, 1 / max(len(places) - 1, 1))
    assert all(b - a >= room - 1e-9 for a, b in itertools.pairwise(moved))
    assert moved[-1] <= 1 + 1e-9


def noise(seed: int, length: int, page_size: int = PAGE) -> bytes:
    return np.random.default_rng(seed).bytes(length).ljust(page_size, b"\0")


CENSUSES = {
    "one page": [noise(1, PAGE)],
    "zero pages alone": [bytes(PAGE)] * 3,
    "same-filled pages alone": [b"\7" * PAGE] * 3,
    "every kind": [bytes(PAGE)] * 9
    + [b"\7" * PAGE] * 2
    + [noise(i % 40, 100 * (i % 41)) for i in range(90)],
}


@pytest.mark.parametrize("kind", CENSUSES)
def test_any_census_can_be_drawn(kind: str, tmp_path: Path) -> None:
    """pytest turns each warning of matplotlib into a failure."""
    drawn = picture.of_estimate(scanned(tmp_path / "pages", CENSUSES[kind]), Form.SVG)
    root = ElementTree.fromstring(drawn)
    assert root.get("width") == "595.44pt"  # A4
    assert root.get("height") == "841.68pt"


def test_pages_of_64_kib_can_be_drawn(tmp_path: Path) -> None:
    size = 1 << 16
    pages = [noise(i, size * i // 30, size) for i in range(31)]
    drawn = picture.of_estimate(scanned(tmp_path / "pages", pages, size), Form.HTML)
    assert "A cell is a page of 64 KiB" in drawn.decode()


def test_a_scan_that_compressed_nothing_yet_can_be_drawn() -> None:
    census = census_of([ZERO, UNMEASURED, UNMEASURED])
    drawn = picture.of_estimate(estimate_of(census), Form.HTML)
    assert b"ksm" in drawn


def test_a_source_may_have_any_name(tmp_path: Path) -> None:
    estimate = scanned(tmp_path / "<b>$5 to $6, 日本\n\udcff", CENSUSES["one page"])
    document = picture.of_estimate(estimate, Form.HTML).decode()
    assert "<b>" not in document
    assert "&lt;b&gt;$5 to $6, 日本" in document
    assert picture.of_estimate(estimate, Form.PNG).startswith(b"\x89PNG")


@pytest.mark.parametrize("form", Form)
def test_the_same_plan_gives_the_same_bytes(form: Form) -> None:
    assert picture.of_plan([a_plan()], form) == picture.of_plan([a_plan()], form)


class _Reader(html.parser.HTMLParser):
    """The elements, names and references of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("src", "href", "xlink:href") and value:
                self.loaded.append(value)


def test_the_report_is_one_document_that_loads_nothing(tmp_path: Path) -> None:
    document = picture.of_estimate(scanned(tmp_path / "pages", CENSUSES["every kind"]), Form.HTML)
    reader = _Reader()
    reader.feed(document.decode())
    assert reader.tags.count("figure") == 4
    assert reader.tags.count("table") == 2
    assert document.decode().count("Content-Security-Policy") == 1
    assert all(each.startswith(("#", "data:image/png;")) for each in reader.loaded)


@pytest.mark.parametrize("of", ["estimate", "plan"])
def test_in_a_report_every_part_of_a_figure_has_a_name_of_its_own(of: str, tmp_path: Path) -> None:
    """Else a browser clips one figure by the frame of another."""
    if of == "plan":
        document = picture.of_plan([a_plan(), a_plan(16 << 30)], Form.HTML)
    else:
        estimate = scanned(tmp_path / "pages", CENSUSES["every kind"])
        document = picture.of_estimate(estimate, Form.HTML)
    reader = _Reader()
    reader.feed(document.decode())
    assert len(reader.ids) == len(set(reader.ids))
    used = [each[1:] for each in reader.loaded if each.startswith("#")]
    used += re.findall(r"url\(#([^)]*)\)", document.decode())
    assert used
    assert set(used) <= set(reader.ids)


def test_a_plan_for_several_machines_has_a_figure_for_each() -> None:
    plans = [a_plan(ram=(i + 1) << 30) for i in range(5)]
    document = picture.of_plan(plans, Form.HTML).decode()
    assert document.count("<figure>") == 5
    assert picture.of_plan(plans, Form.PNG).startswith(b"\x89PNG")


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    picture.of_plan([a_plan()], Form.SVG)
    assert dict(mpl.rcParams) == before


def test_what_hover_tells_does_not_grow_with_the_number_of_pages() -> None:
    from ghostswap.plots.panels import panels

    segments = [Segment(0, 600_000, Mapping.HEAP), Segment(600_000, 400_000, Mapping.ANON)]
    census = census_of([4] * 500_000 + [ZERO] * 500_000, segments=segments)
    hover = panels(estimate_of(census))[0].hover
    assert hover is not None
    told = hover()
    assert len(json.dumps(told)) < 400_000
    lines = len(base64.b64decode(told["look"])) // told["columns"]
    assert told["columns"] * lines * told["pages"] >= 1_000_000
    sizes = np.frombuffer(base64.b64decode(told["size"]), dtype="<u4")
    classes = np.frombuffer(base64.b64decode(told["class"]), dtype="<u4")
    assert set(sizes.tolist()) == {0, SIZES[4]}
    assert classes[sizes > 0].min() >= SIZES[4]
    of_cell = np.frombuffer(base64.b64decode(told["mapping"]), dtype=np.uint8)
    names = [told["mappings"][number] for number in of_cell[: 1_000_000 // told["pages"]].tolist()]
    assert names[0] == "heap"
    assert names[-1] == "anon"


@given(st.text())
def test_no_name_ends_the_data_of_the_script(name: str) -> None:
    figure = html_report.Illustration(name, name, b"<svg></svg>", {"parts": [name]})
    text = html_report.document(name, [name], [], [figure]).decode()
    (data,) = re.findall(r'<script type="application/json" class="cells">(.*?)</script>', text)
    assert json.loads(data) == {"parts": [name]}
    assert html.unescape(re.findall(r"<title>(.*?)</title>", text, re.DOTALL)[0]) == (
        name.encode(errors="replace").decode()
    )
