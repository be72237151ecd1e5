"""What is asked of the rows of many censuses: each question once, as an Ibis expression, for
whichever engine runs it. docs/census.md describes the columns.

Answers are whole numbers, so that every engine gives the same.
"""

from typing import Any

import ibis
from ibis import _
from ibis.expr.types import Table

from ghostswap.census.columns import CHECKSUM_PRIME, DATA

_EACH = ("kind", "size", "pages")
_BY_CHANCE = ("weight", "chance_pages", "chance_weight")


def contents(rows: Table, algorithm: str, *, sampled: bool, in_parts: bool) -> Table:
    """A row for each content of each host: `kind`, `size`, and in how many `pages` it is.

    Where some hosts are `sampled` also for how many contents of its host it stands (`weight`); the
    pages are those of all these, of which `chance_pages` are known by chance, one content in
    `chance_weight`. With `in_parts`, contents of a host may be in several files.
    """
    first = rows.filter(_.copies > 0)
    table = first.select("host", "hash", "kind", "weight", size=_[algorithm], pages=_.copies)
    if sampled:
        table = table.mutate(pages=_.pages * _.weight).mutate(
            chance_pages=(_.weight > 1).ifelse(_.pages, 0), chance_weight=_.weight
        )
    else:
        table = table.drop("weight")
    return table.group_by("host", "hash").agg(**_merged(table)) if in_parts else table


def between(rows: Table, begin: int | None, end: int | None) -> Table:
    """The rows whose hash is `begin` or more and below `end`; None where there is no such bound."""
    if begin is not None:
        rows = rows.filter(_.hash >= begin)
    return rows if end is None else rows.filter(_.hash < end)


def _merged(contents: Table) -> dict[str, Any]:
    """What becomes of the contents of several files, each once. What one has for certain, another
    may have by chance: that it is there is certain then, and how many pages it has is not."""
    merged = {"kind": _.kind.max(), "size": _["size"].max(), "pages": _.pages.sum().cast("int64")}
    if "weight" in contents.columns:
        merged |= {
            "weight": _.weight.min(),
            "chance_pages": _.chance_pages.sum().cast("int64"),
            "chance_weight": _.chance_weight.max(),
        }
    return merged


def _alike(contents: Table) -> tuple[str, ...]:
    """By what contents are counted."""
    return (*_EACH, *_BY_CHANCE) if "weight" in contents.columns else _EACH


def within(contents: Table) -> Table:
    """How many contents of each host are alike; and their `hashes`, the checksum
    (census/columns.py) of theirs."""
    return contents.group_by("host", *_alike(contents)).agg(
        contents=_.count(), hashes=(_.hash % CHECKSUM_PRIME).sum().cast("int64")
    )


def together(contents: Table, end: int | None) -> Table:
    """The same of all hosts in one, where each content is there once and `pages` are those of all;
    by the number of `hosts` that have it, and whether its hash is below `end` (None: all are)."""
    each = contents.group_by("hash").agg(hosts=_.count(), **_merged(contents))
    below = ibis.literal(True) if end is None else each.hash < end
    each = each.mutate(below=below)
    return each.group_by("hosts", "below", *_alike(contents)).agg(contents=_.count())


def by_hash(rows: Table, end: int | None, *, in_parts: bool) -> Table:
    """The data contents whose hash is below `end` (None: all), each once for each host."""
    held = _data(rows, end).select("host", "hash")
    return held.distinct() if in_parts else held


def pairs(held: Table, most: int) -> Table:
    """The pairs of hosts that have the most contents in common, `most` of them at the most."""
    left = held.select("hash", a="host")
    right = held.select("hash", b="host")
    both = left.join(right, "hash").filter(_.a < _.b)
    counted = both.group_by("a", "b").agg(shared=_.count())
    return counted.order_by(ibis.desc("shared"), "a", "b").limit(most)


def lasting(before: Table, after: Table) -> Table:
    """Of the contents that several pages of a host held before: how many there are (`shared`), how
    many of them are still there (`kept`), and how many still in several pages.

    Both are what `repeated` makes of the hosts' rows, of one time and of a later one.
    """
    old = before.filter(_.pages > 1)
    new = after.rename(pages_after="pages", host_after="host")
    both = old.left_join(new, [("host", "host_after"), "hash"])
    return both.group_by("host").agg(
        shared=_.count(),
        kept=_.pages_after.count(),
        still_shared=(_.pages_after > 1).fill_null(False).ifelse(1, 0).sum().cast("int64"),
    )


def repeated(rows: Table, end: int | None) -> Table:
    """The data contents of each host whose hash is below `end` (None: all), and their pages."""
    return _data(rows, end).group_by("host", "hash").agg(pages=_.copies.sum().cast("int64"))


def _data(rows: Table, end: int | None) -> Table:
    data = rows.filter((_.copies > 0) & (_.kind == DATA))
    return data if end is None else data.filter(_.hash < end)
