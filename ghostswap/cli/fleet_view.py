"""How a fleet reads on a terminal: what there is, the systems, and who shares with whom."""

from typing import Any

from ghostswap.cli.render import Column, View, print_table, size_text

SYSTEM_COLUMNS = (
    Column("SYSTEM"),
    Column("ALGORITHM"),
    Column("SUM-RAM", right=True),
    Column("P5", right=True),
    Column("P50", right=True),
    Column("P95", right=True),
    Column("SHARED-RAM", right=True),
    Column("ERROR", right=True),
)
_PAIR_COLUMNS = (Column("HOST"), Column("AND"), Column("SHARE", right=True))
_STEP_COLUMNS = (
    Column("HOST"),
    Column("TAKEN"),
    Column("AFTER", right=True),
    Column("PAGES", right=True),
    Column("GROWTH", right=True),
    Column("STILL SHARED", right=True),
)


def show(fleet: dict[str, Any], view: View) -> None:
    """Print the document of a fleet."""
    page_size = fleet["page_size"]
    if view.headings:
        sampled = fleet["sampled"]
        of = f", one content in {sampled['one_in']} at least" if sampled else ""
        size = size_text(fleet["pages"] * page_size, view.exact)
        print(f"{fleet['hosts']:,} hosts: {fleet['pages']:,} pages, {size}{of}")
        within, across = (size_text(fleet[f"{key}_bytes"], view.exact) for key in _SAVED)
        print(f"  within hosts   {within:>12}  duplicates of data pages on the same host")
        print(f"  across hosts   {across:>12}  and of those left, on different hosts")
        holders = fleet["holders"]
        print(f"  on {holders['min_hosts']} or more hosts: {holders['contents']:,} contents")
        print()
    rows = [_system(each, view.exact) for each in fleet["systems"]]
    print_table(SYSTEM_COLUMNS, rows, headings=view.headings, only=view.columns)
    if not view.headings:
        return
    if fleet["pairs"]:
        print()
        print_table(
            _PAIR_COLUMNS,
            [
                [pair["a"], pair["b"], size_text(pair["shared_pages"] * page_size, view.exact)]
                for pair in fleet["pairs"]
            ],
        )
    if fleet["steps"]:
        print()
        print_table(_STEP_COLUMNS, [_step(step) for step in fleet["steps"]])


_SAVED = ("within", "across")


def _system(each: dict[str, Any], exact: bool) -> list[str]:
    error = max(each["relative_error"], each["shared_relative_error"])
    return [
        each["system"],
        each["algorithm"] or "-",
        size_text(each["sum_ram_bytes"], exact),
        *("-" if each[key] is None else f"{each[key]:.2f}" for key in ("p5", "p50", "p95")),
        size_text(each["shared_ram_bytes"], exact),
        f"{error:.2%}",
    ]


def _step(step: dict[str, Any]) -> list[str]:
    before, shared = step["pages_before"], step["shared"]
    return [
        step["host"],
        step["taken"],
        f"{step['seconds'] / 3600:.1f} h",
        f"{step['pages']:,}",
        f"{step['pages'] / before - 1:+.1%}" if before else "-",
        f"{step['still_shared'] / shared:.1%}" if shared else "-",
    ]
