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
    print_table,
    printable,
    size_text,
)
from ghostswap.report.comparison import FOOTPRINT
from ghostswap.report.estimate import Check, Estimate, Example
from ghostswap.report.fields import titled
from ghostswap.systems.footprint import Footprint, System

_SYSTEM_FIELDS = titled(FOOTPRINT)
SYSTEM_COLUMNS = (
    *columns(_SYSTEM_FIELDS, words={"System", "Algorithm"}),
    Column("COMPRESS", right=True),
    Column("DECOMPRESS", right=True),
)
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
_SOURCES_NAMED = 3
_SPARSE = 1.5  # pool over payload; size classes alone make 1.1 to 1.3 of it


def show(estimate: Estimate, view: View, *, copies: bool = False) -> None:
    """Print the pages, the systems, and whatever else the estimate holds; with `copies`, and beside
    the most copied contents, also how many contents have how many copies."""
    if view.headings:
        _show_pages(estimate, view)
    systems = estimate.shown()
    if len(estimate.algorithms) > 1:
        systems.sort(key=lambda system: -system.saved_bytes)
    rows = [_system_row(estimate, system, view.exact) for system in systems]
    print_table(SYSTEM_COLUMNS, rows, headings=view.headings, only=view.columns)
    if not view.headings:
        return
    for note in _notes(estimate):
        print(note)
    if estimate.checks():
        _titled("Estimate and kernel on the same pages", _CHECK_COLUMNS, _checks(estimate.checks()))
    if estimate.groups:
        rows = [_group_row(group, view.exact) for group in estimate.groups]
        _titled("Pages by group", _GROUP_COLUMNS, rows)
    if copies or estimate.top:
        buckets = in_powers_of_two(histogram(estimate.census))
        _titled(
            "Data pages by number of copies (each line: up to twice as many)",
            _HISTOGRAM_COLUMNS,
            [_bucket_row(bucket, estimate.census.page_size, view.exact) for bucket in buckets],
        )
    if estimate.top:
        _titled("Most copied contents", _TOP_COLUMNS, [_top_row(top) for top in estimate.top])


def _titled(title: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    print()
    print(emphasised(title))
    print_table(columns, rows)


def _show_pages(estimate: Estimate, view: View) -> None:
    census = estimate.census
    counts = estimate.counts
    largest = sorted(census.sources, key=lambda source: -source.pages)[:_SOURCES_NAMED]
    names = ", ".join(printable(source.facts.name) for source in largest)
    left = len(census.sources) - _SOURCES_NAMED
    more = f" and {left} more" if left > 0 else ""
    size = size_text(counts["total"] * census.page_size, view.exact)
    idle = "" if estimate.idle is None else "idle "
    print(emphasised(f"{names}{more}: {counts['total']:,} {idle}pages, {size}"))
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
    return [
        *cells(_SYSTEM_FIELDS, system, exact),
        _nanoseconds(cost.compress_ns, exact) if cost else "-",
        _nanoseconds(cost.decompress_ns, exact) if cost else "-",
    ]


def _nanoseconds(ns: float, exact: bool) -> str:
    return f"{ns:.0f}" if exact else f"{ns / 1000:.1f} µs"


def _notes(estimate: Estimate) -> list[str]:
    """What a reader of the table would otherwise get wrong."""
    notes = []
    if without := estimate.without_dump_zeros():
        pages = estimate.comparison.coverage.dump_zero_pages
        notes.append(
            f"{pages:,} zero pages are of dumps, which have them also for memory never touched."
            f" RATIO without them: {_ratios(without)}."
        )
    for system in estimate.shown():
        if system.system is System.ZSWAP and system.refused_pages:
            fate = "stay in RAM" if system.kept_bytes else "go to the swap area on disk"
            notes += [
                f"zswap with {system.algorithm} refuses {number:,} pages {why}; they {fate}."
                for number, why in (
                    (system.refused_pages - system.refused_thp_pages, "that do not compress"),
                    (system.refused_thp_pages, "in huge pages, which come whole"),
                )
                if number
            ]
    for system in estimate.shown():
        if (done := system.recompression) is not None:
            notes.append(
                f"{done.algorithm} replaces {done.recompressed_pages:,} of zram's pages with "
                f"{system.algorithm}; the others would take as much, or are not asked for."
            )
    if (ksm := estimate.ksm) is not None:
        saved = f"{ksm.sharing.pages_sharing:,} saved" + ("" if ksm.running else ", were it on")
        notes.append(
            f"KSM is offered {ksm.eligible_pages:,} of these pages now ({saved});"
            f" {ksm.not_offered_pages:,} it is not (MADV_MERGEABLE, PR_SET_MEMORY_MERGE), and"
            f" {ksm.shared_memory_pages:,} are shared memory, which it never merges."
        )
    if any(
        system.pool_bytes > _SPARSE * system.compressed_bytes
        for system in estimate.comparison.footprints
    ):
        notes.append(
            "So few pages leave most zspages of a pool half empty: a larger set does better."
        )
    return notes


def _ratios(footprints: Sequence[Footprint]) -> str:
    """Those of the systems that every kernel has, under the first algorithm."""
    first = footprints[0].algorithm
    return ", ".join(
        f"{each.system} {each.ratio:.2f}"
        for each in footprints
        if each.system in (System.ZRAM, System.ZSWAP) and each.algorithm == first and each.ratio
    )


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
        "-" if group.mean_bytes is None else size_text(round(group.mean_bytes), exact),
    ]


def _bucket_row(bucket: Bucket, page_size: int, exact: bool) -> list[str]:
    return [
        str(bucket.copies),
        str(bucket.contents),
        str(bucket.pages),
        size_text(bucket.pages * page_size, exact),
    ]


def _top_row(top: Example) -> list[str]:
    names = ", ".join(top.sources[:_SOURCES_NAMED])
    left = len(top.sources) - _SOURCES_NAMED
    return [
        str(top.copies),
        top.hash,
        printable(names) + (f" and {left} more" if left > 0 else ""),
        _text_and_hex(top.preview_hex),
    ]


def _text_and_hex(preview: str) -> str:
    characters = (chr(byte) for byte in bytes.fromhex(preview))
    text = "".join(each if each.isascii() and each.isprintable() else "." for each in characters)
    return f"{preview} |{text}|" if preview else "(cannot be read again)"
