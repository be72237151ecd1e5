"""The tables that `estimate-dedup` prints."""

from collections.abc import Sequence

from ghostswap.census.dedup import Bucket, Group, histogram, in_powers_of_two
from ghostswap.cli.idle_view import show_idle
from ghostswap.cli.render import (
    Column,
    View,
    bar,
    cells,
    columns,
    emphasised,
    fitted,
    print_table,
    printable,
    size_text,
)
from ghostswap.report.comparison import FOOTPRINT
from ghostswap.report.estimate import Check, Estimate, Example
from ghostswap.report.fields import NOTHING, titled
from ghostswap.report.remarks import remarks, summary_of
from ghostswap.systems.footprint import Footprint
from ghostswap.units import listed

_SYSTEM_FIELDS = titled(FOOTPRINT)
SYSTEM_COLUMNS = (
    *columns(_SYSTEM_FIELDS, words={"System", "Algorithm"}),
    Column("DEDUP", right=True),
    Column("COMPRESS", right=True),
    Column("DECOMPRESS", right=True),
)
# Within 80 columns; of a sample the error is told, of which RAM has at most that share.
_SHOWN = "system,algorithm,pool,ram,saved,ratio,dedup"
_SHOWN_OF_SAMPLE = "system,algorithm,ram,error,saved,ratio,dedup"
_GROUP_COLUMNS = (
    Column("GROUP"),
    Column("PAGES", right=True),
    Column("ZERO", right=True),
    Column("SAME-FILLED", right=True),
    Column("DISTINCT", right=True),
    Column("DUPLICATE", right=True),
    Column("MEAN", right=True),
)
_TOP_COLUMNS = (
    Column("COPIES", right=True),
    Column("HASH"),
    Column("SOURCES"),
    Column("BEGINS"),
)
_HISTOGRAM_COLUMNS = (
    Column("COPIES", right=True),
    Column("CONTENTS", right=True),
    Column("PAGES", right=True),
    Column("SIZE", right=True),
)
_CHECK_COLUMNS = (
    Column("ALGORITHM"),
    Column("FIGURE"),
    Column("ESTIMATED", right=True),
    Column("KERNEL", right=True),
    Column("DIFFERENCE", right=True),
)
_BYTES_SHOWN = 8  # of a preview, for a line of 80 columns; JSON has all


def show(estimate: Estimate, view: View, *, copies: bool = False) -> None:
    """Print the pages, the systems, and whatever else the estimate holds; with `copies`, and beside
    the most copied contents, also how many contents have how many copies."""
    if view.headings:
        _show_pages(estimate, view)
    systems = estimate.shown()
    if len(estimate.algorithms) > 1:
        systems.sort(key=lambda system: -system.saved_bytes)
    rows = [_system_row(estimate, system, view.exact) for system in systems]
    sampled = estimate.idle is not None or estimate.census.sample is not None
    only = view.columns or (_SHOWN_OF_SAMPLE if sampled else _SHOWN)
    print_table(SYSTEM_COLUMNS, rows, headings=view.headings, only=only)
    if not view.headings:
        return
    for line in fitted(remarks(estimate)):
        print(line)
    if estimate.checks():
        _titled("Estimate and kernel on the same pages", _CHECK_COLUMNS, _checks(estimate.checks()))
    if estimate.groups:
        rows = [_group_row(group, view.exact) for group in estimate.groups]
        _titled("Pages by group", _GROUP_COLUMNS, rows, view.exact)
    if copies or estimate.top:
        buckets = in_powers_of_two(histogram(estimate.census))
        _titled(
            "Data pages by number of copies (each line: up to twice as many)",
            _HISTOGRAM_COLUMNS,
            [_bucket_row(bucket, estimate.census.page_size, view.exact) for bucket in buckets],
        )
    if estimate.top:
        rows = [_top_row(top) for top in estimate.top]
        _titled("Most copied contents", _TOP_COLUMNS, rows, view.exact)
    if (summary := summary_of(systems)) is not None:
        print()
        print(summary)


def _titled(
    title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]], whole: bool = False
) -> None:
    print()
    print(emphasised(title))
    print_table(columns, rows, whole=whole)


def _show_pages(estimate: Estimate, view: View) -> None:
    census = estimate.census
    counts = estimate.counts
    largest = sorted(census.sources, key=lambda source: -source.pages)
    names = printable(listed([source.facts.name for source in largest]))
    size = size_text(counts["total"] * census.page_size, view.exact)
    idle = "" if estimate.idle is None else "idle "
    print(emphasised(f"{names}: {counts['total']:,} {idle}pages, {size}"))
    for kind, meaning in (
        ("zero", "all zeros"),
        ("same_filled", "one word repeated"),
        ("distinct", "first of their content"),
        ("duplicate", "copies of those"),
    ):
        share = counts[kind] / max(counts["total"], 1)
        name = kind.replace("_", "-")
        print(f"  {name:<12}{counts[kind]:>12,}  {share:>6.1%}  {bar(share)}{meaning}")
    if swapped := sum(source.facts.swapped for source in census.sources):
        print(f"  {'swapped out':<12}{swapped:>12,}  not measured")
    if thp := sum(source.facts.thp for source in census.sources):
        print(f"  {'huge pages':<12}{thp:>12,}  of the memory, and counted above")
    print()
    if estimate.idle is not None:
        show_idle(estimate, view.exact)


def _system_row(estimate: Estimate, system: Footprint, exact: bool) -> list[str]:
    measured = estimate.measured(system.name)
    cost = measured.cost if measured else None
    won = estimate.won_by_dedup(system)
    return [
        *cells(_SYSTEM_FIELDS, system, exact),
        NOTHING if won is None else size_text(won, exact, fine=True),
        _nanoseconds(cost.compress_ns, exact) if cost else NOTHING,
        _nanoseconds(cost.decompress_ns, exact) if cost else NOTHING,
    ]


def _nanoseconds(ns: float, exact: bool) -> str:
    return f"{ns:.0f}" if exact else f"{ns / 1000:.1f} µs"


def _checks(checks: Sequence[Check]) -> list[list[str]]:
    return [
        [
            check.algorithm,
            check.figure,
            str(check.estimated),
            str(check.measured),
            f"{check.difference:+.4%}",
        ]
        for check in checks
    ]


def _group_row(group: Group, exact: bool) -> list[str]:
    return [
        printable(group.name),
        f"{group.pages}",
        f"{group.zero}",
        f"{group.same_filled}",
        f"{group.distinct}",
        f"{group.duplicate}",
        NOTHING if group.mean_bytes is None else size_text(round(group.mean_bytes), exact),
    ]


def _bucket_row(bucket: Bucket, page_size: int, exact: bool) -> list[str]:
    return [
        str(bucket.copies),
        str(bucket.contents),
        str(bucket.pages),
        size_text(bucket.pages * page_size, exact),
    ]


def _top_row(top: Example) -> list[str]:
    return [
        str(top.copies),
        top.hash,
        printable(listed(top.sources)),
        _text_and_hex(top.preview_hex),
    ]


def _text_and_hex(preview: str) -> str:
    preview = preview[: 2 * _BYTES_SHOWN]
    characters = (chr(byte) for byte in bytes.fromhex(preview))
    text = "".join(each if each.isascii() and each.isprintable() else "." for each in characters)
    return f"{preview} |{text}|" if preview else "(cannot be read again)"
