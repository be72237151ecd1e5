"""How a fleet reads on a terminal: what there is, the systems, and who shares with whom."""

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, TypeVar

from ghostswap.cli.render import View, cells, columns, print_table, size_text
from ghostswap.report.fields import Field, titled
from ghostswap.report.fleet import PAIR, STEP, SYSTEM, pair_rows, system_rows

if TYPE_CHECKING:
    from ghostswap.fleet.survey import Fleet

T = TypeVar("T")

_SYSTEM_FIELDS = titled(SYSTEM)
SYSTEM_COLUMNS = columns(_SYSTEM_FIELDS, words={"System", "Algorithm"})
_STEP_FIELDS = titled(STEP, "Host", "Taken", "After", "Pages", "Growth", "Still shared")


def show(fleet: "Fleet", min_hosts: int, view: View) -> None:
    """Print what there is, the systems, the pairs of hosts, and what became of shared contents."""
    if view.headings:
        _show_pages(fleet, min_hosts, view)
    rows = [cells(_SYSTEM_FIELDS, row, view.exact) for row in system_rows(fleet)]
    print_table(SYSTEM_COLUMNS, rows, headings=view.headings, only=view.columns)
    if view.headings:
        _show_rows(titled(PAIR), pair_rows(fleet), {"Host", "And"}, view)
        _show_rows(_STEP_FIELDS, fleet.steps, {"Host", "Taken"}, view)


def _show_pages(fleet: "Fleet", min_hosts: int, view: View) -> None:
    pages, one_in = fleet.totals.pages, fleet.inventory.one_in
    of = f", one content in {one_in} at least" if one_in > 1 else ""
    size = size_text(pages * fleet.inventory.page_size, view.exact)
    print(f"{len(fleet.hosts):,} hosts: {pages:,} pages, {size}{of}")
    within, across = (
        size_text(each, view.exact) for each in (fleet.within_bytes, fleet.across_bytes)
    )
    print(f"  within hosts   {within:>12}  duplicates of data pages on the same host")
    print(f"  across hosts   {across:>12}  and of those left, on different hosts")
    print(f"  on {min_hosts} or more hosts: {fleet.holders.on_hosts(min_hosts):,} contents")
    print()


def _show_rows(fields: Sequence[Field[T]], rows: Sequence[T], words: Set[str], view: View) -> None:
    """A table below the others; nothing where it would be empty."""
    if rows:
        print()
        print_table(columns(fields, words), [cells(fields, row, view.exact) for row in rows])
