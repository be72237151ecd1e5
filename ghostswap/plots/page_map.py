"""What lies where in memory: the pages of a census as a grid of cells in address order."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.distinct import contents_numbers
from ghostswap.census.table import Census, Measured, SourceRows
from ghostswap.pages.source import MAPPINGS, Mapping

COLUMNS = 200
LINES = 100  # about: each part begins a new one
_ROWS_AT_ONCE = 1 << 20  # bounds the memory that it takes
MOST_PARTS = 12  # with a label each; smaller sources share the last

Looks = NDArray[np.uint8]


class Look(IntEnum):
    """What a page is to a compressed swap, from what takes the least RAM to what takes most.

    The shares are those of the page that its compressed size takes. A page is WHOLE from
    zs_huge_class_size() on: zram and zsmalloc give it a page of its own.
    """

    ZERO = 0
    SAME_FILLED = 1
    DUPLICATE = 2  # not the first of its content
    TO_QUARTER = 3
    TO_HALF = 4
    TO_THREE_QUARTERS = 5
    TO_WHOLE = 6
    WHOLE = 7
    UNMEASURED = 8  # a sample or an interrupted scan left it out
    UNREAD = 9
    NO_PAGE = 10  # the rest of a line after the last page of a part


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of the map that a source takes; the last part may stand for several sources."""

    name: str
    first_line: int
    lines: int
    pages: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Lines of the map most of whose pages are mapped as the same thing."""

    mapping: Mapping
    first_line: int
    lines: int


@dataclass(frozen=True, slots=True)
class PageMap:
    """The map: a Look a cell, which most of the `pages_a_cell` pages of the cell have; those left
    out of a sample are taken for what others of the cell are.

    `pages` counts the pages of each Look, as cells of many pages cannot show the rarer ones;
    `holes` are zero pages of sparse files, of which a census knows the number and not the place.
    """

    cells: Looks
    pages_a_cell: int
    parts: tuple[Part, ...]
    stretches: tuple[Stretch, ...]
    pages: tuple[int, ...]
    holes: int


@dataclass(frozen=True, slots=True)
class _Group:
    """Sources that make a part."""

    name: str
    sources: tuple[SourceRows, ...]

    @property
    def pages(self) -> int:
        return sum(source.pages for source in self.sources)


def page_map(census: Census, measured: Measured, whole_from: int) -> PageMap:
    """The map of all pages read; `whole_from` is huge_class_size, in bytes."""
    looks = looks_of_rows(census, measured, whole_from)
    groups = _groups(census.sources)
    pages = sum(group.pages for group in groups)
    pages_a_cell = max(-(-pages // (COLUMNS * LINES)), 1)
    cells = -(-pages // pages_a_cell)
    columns = min(COLUMNS, max(round(math.sqrt(2 * cells)), 1))
    grids: list[Looks] = []
    parts: list[Part] = []
    stretches: list[Stretch] = []
    line = 0
    for group in groups:
        of_group = np.concatenate([_rows(looks, source) for source in group.sources])
        grid = _grid(of_group, pages_a_cell, columns)
        grids.append(grid)
        parts.append(Part(group.name, line, len(grid), group.pages))
        mapped = np.concatenate([_mappings(source) for source in group.sources])
        stretches += _stretches(mapped, pages_a_cell * columns, line)
        line += len(grid)
    empty = np.full((1, columns), Look.NO_PAGE, dtype=np.uint8)
    return PageMap(
        np.concatenate(grids) if grids else empty,
        pages_a_cell,
        tuple(parts),
        tuple(stretches),
        tuple(np.bincount(looks, minlength=len(Look)).tolist()),
        sum(source.facts.holes for source in census.sources),
    )


@dataclass(frozen=True, slots=True)
class CellFacts:
    """What else is known of each cell of a map, in lines of columns as in PageMap.cells: the
    mapping of most of its pages (an index of the members of Mapping), and what its data pages
    compress to, on average, in bytes (0 where none was measured)."""

    mappings: NDArray[np.uint8]
    sizes: NDArray[np.uint16]


def cell_facts(census: Census, measured: Measured, pages: PageMap) -> CellFacts:
    """The facts of the cells of page_map(census, measured, …)."""
    of_rows, each = _sizes_of_rows(census, measured), pages.pages_a_cell
    mappings = np.zeros_like(pages.cells)
    sizes = np.zeros(pages.cells.shape, dtype=np.uint16)
    for part, group in zip(pages.parts, _groups(census.sources), strict=True):
        lines = slice(part.first_line, part.first_line + part.lines)
        rows = np.concatenate([of_rows[s.first : s.first + s.pages] for s in group.sources])
        begins = np.arange(0, len(rows), each)
        known = np.maximum(np.add.reduceat(rows > 0, begins, dtype=np.int64), 1)
        means = np.add.reduceat(rows, begins, dtype=np.int64) / known
        sizes[lines].reshape(-1)[: len(means)] = np.rint(means)
        mapped = np.concatenate([_mappings(source) for source in group.sources])
        most = _counts(mapped, each, len(MAPPINGS)).argmax(axis=1)
        mappings[lines].reshape(-1)[: len(most)] = most
    return CellFacts(mappings, sizes)


def _sizes_of_rows(census: Census, measured: Measured) -> NDArray[np.uint16]:
    """What each data page of the census compresses to, in the order of rows; 0 for all others."""
    of_content = np.where(census.contents.data, measured.sizes, 0).astype(np.uint16)
    sizes = np.zeros(len(census.hash), dtype=np.uint16)
    for begin in range(0, len(sizes), _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        readable = census.readable[part]
        numbers = contents_numbers(census.contents, census.hash[part][readable])
        sizes[part][readable] = of_content[numbers]
    return sizes


def looks_of_rows(census: Census, measured: Measured, whole_from: int) -> Looks:
    """The Look of each row of the census, in the order of rows."""
    contents = census.contents
    quarter = census.page_size // 4
    bounds = [1, quarter + 1, 2 * quarter + 1, 3 * quarter + 1, whole_from]
    steps = [
        Look.UNMEASURED,
        Look.TO_QUARTER,
        Look.TO_HALF,
        Look.TO_THREE_QUARTERS,
        Look.TO_WHOLE,
        Look.WHOLE,
    ]
    of_step = np.array(steps, dtype=np.uint8)
    of_content = of_step[np.searchsorted(np.array(bounds), measured.sizes, side="right")]
    of_content[contents.zero] = Look.ZERO
    of_content[contents.same_filled] = Look.SAME_FILLED

    looks = np.full(len(census.hash), Look.UNREAD, dtype=np.uint8)
    first_here = np.empty(len(contents.hash), dtype=np.int32)
    seen, data = np.zeros(len(contents.hash), dtype=np.bool_), contents.data
    for begin in range(0, len(looks), _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        readable = census.readable[part]
        numbers = contents_numbers(contents, census.hash[part][readable])
        places = np.arange(len(numbers), dtype=np.int32)
        first_here[numbers[::-1]] = places[::-1]  # the last assigned stays, which is the first
        copy = data[numbers] & (seen[numbers] | (first_here[numbers] != places))
        looks[part][readable] = np.where(copy, np.uint8(Look.DUPLICATE), of_content[numbers])
        seen[numbers] = True
    return looks


def _groups(sources: tuple[SourceRows, ...]) -> list[_Group]:
    """A group a source; where there are too many, the smaller ones together make the last."""
    named = [source for source in sources if source.pages]
    others: list[SourceRows] = []
    if len(named) > MOST_PARTS:
        least = sorted((source.pages for source in named), reverse=True)[MOST_PARTS - 2]
        larger = [source for source in named if source.pages >= least][: MOST_PARTS - 1]
        firsts = {source.first for source in larger}
        others = [source for source in named if source.first not in firsts]
        named = larger
    groups = [_Group(source.facts.name, (source,)) for source in named]
    if others:
        groups.append(_Group(f"{len(others)} others", tuple(others)))
    return groups


def _rows(looks: Looks, source: SourceRows) -> Looks:
    return looks[source.first : source.first + source.pages]


def _grid(looks: Looks, pages_a_cell: int, columns: int) -> Looks:
    """Lines of cells, each with the Look that most of its pages have.

    Pages that were not compressed are taken for what most of those are that were, in the same cell.
    """
    counts = _counts(looks, pages_a_cell, len(Look))
    cells = np.arange(len(counts))
    measured = counts[:, Look.TO_QUARTER : Look.WHOLE + 1]
    known = measured.any(axis=1)
    likely = (Look.TO_QUARTER + measured.argmax(axis=1))[known]
    counts[cells[known], likely] += counts[known, Look.UNMEASURED]
    counts[known, Look.UNMEASURED] = 0
    grid = np.full(-(-len(cells) // columns) * columns, Look.NO_PAGE, dtype=np.uint8)
    grid[: len(cells)] = counts.argmax(axis=1)
    return grid.reshape(-1, columns)


def _counts(values: NDArray[np.uint8], each: int, kinds: int) -> NDArray[np.int64]:
    """How often each kind occurs in each block of `each` neighbouring values: a row a block."""
    begins = np.arange(0, len(values), each)
    counts = np.empty((len(begins), kinds), dtype=np.int64)
    for kind in range(kinds):  # a column at a time: a byte a page, where all would take dozens
        np.add.reduceat(values == kind, begins, dtype=np.int64, out=counts[:, kind])
    return counts


def _mappings(source: SourceRows) -> NDArray[np.uint8]:
    """What each page of a source was mapped as: an index into MAPPINGS."""
    kinds = np.full(source.pages, MAPPINGS.index(Mapping.UNKNOWN), dtype=np.uint8)
    for segment in source.segments:
        kinds[segment.first : segment.first + segment.pages] = MAPPINGS.index(segment.mapping)
    return kinds


def _stretches(mapped: NDArray[np.uint8], pages_a_line: int, line: int) -> Iterator[Stretch]:
    """Neighbouring lines that are mostly of the same mapping, from line `line` of the map on."""
    of_line = _counts(mapped, pages_a_line, len(MAPPINGS)).argmax(axis=1)
    begins = np.flatnonzero(np.diff(of_line, prepend=-1))
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(of_line)], strict=True):
        yield Stretch(MAPPINGS[of_line[begin]], line + begin, end - begin)
