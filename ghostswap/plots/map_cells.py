"""The cells of the map as data for the script of the HTML report, report.js: it tells of the cell
that is pointed at."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ghostswap.kernel.zsmalloc import SizeClasses
from ghostswap.pages.source import Mapping as Mapped
from ghostswap.plots.page_map import CellFacts, Look, PageMap


def map_cells(
    pages: PageMap, facts: CellFacts, classes: SizeClasses, meanings: Mapping[Look, str]
) -> dict[str, Any]:
    """Plain data for JSON; a cell's own are in base64: a byte for its Look and its mapping, four
    (little-endian) for its compressed size in bytes and for the size class that holds that.

    It does not grow with the number of pages: there are some 20,000 cells at the most.
    """
    held_as = np.where(facts.sizes < classes.huge_class_size, facts.sizes, classes.page_size)
    of_class = classes.size[classes.of_payload[held_as]]
    return {
        "columns": pages.cells.shape[1],
        "pages": pages.pages_a_cell,
        "parts": [
            {"name": part.name, "line": part.first_line, "lines": part.lines, "pages": part.pages}
            for part in pages.parts
        ],
        "looks": [meanings.get(look, "") for look in Look],
        "mappings": ["" if each is Mapped.UNKNOWN else str(each) for each in Mapped],
        "look": _base64(pages.cells, np.uint8),
        "mapping": _base64(facts.mappings, np.uint8),
        "size": _base64(facts.sizes, np.uint32),
        "class": _base64(np.where(facts.sizes > 0, of_class, 0), np.uint32),
    }


def _base64(values: NDArray[Any], kind: type[np.uint8] | type[np.uint32]) -> str:
    little = np.dtype(kind).newbyteorder("<")
    return base64.b64encode(values.astype(little).tobytes()).decode()
