"""What is asked of the rows of many censuses: each question once, as an Ibis expression, for
whichever engine runs it. docs/census.md describes the columns.

Answers are whole numbers, so that every engine gives the same.
"""

import ibis
from ibis import _
from ibis.expr.types import Table

from ghostswap.census.columns import CHECKSUM_PRIME, DATA

_EACH = ("kind", "size", "pages", "weight", "chance_pages", "chance_weight")


def contents(rows: Table, algorithm: str, *, sampled: bool, in_parts: bool) -> Table:
    """A row for each content of each host: `kind`, `size`, for how many contents of its host it
    stands (`weight`), and for how many `pages` in all.

    Of these `chance_pages` are known by chance, one content in `chance_weight`. With `in_parts`,
    contents of a host may be in several files.
    """
    first = rows.filter(_.copies > 0)
    table = first.select("host", "hash", "kind", "weight", size=_[algorithm], pages=_.copies)
    if not sampled:
        certain = ibis.literal(0, "int64"), ibis.literal(1, "int32")
        table = table.mutate(weight=certain[1], chance_pages=certain[0], chance_weight=certain[1])
    else:
        table = table.mutate(pages=_.pages * _.weight).mutate(
            chance_pages=(_.weight > 1).ifelse(_.pages, 0), chance_weight=_.weight
        )
    return _merged(table, "host", "hash") if in_parts else table


def _merged(contents: Table, *by: str) -> Table:
    """Contents of several files, each once; what one has for certain, another may have by chance:
    that it is there is certain then, and how many pages it has is not."""
    return contents.group_by(*by).agg(
        kind=_.kind.max(),
        size=_["size"].max(),
        pages=_.pages.sum().cast("int64"),
        weight=_.weight.min(),
        chance_pages=_.chance_pages.sum().cast("int64"),
        chance_weight=_.chance_weight.max(),
    )


def within(contents: Table) -> Table:
    """How many contents of each host are of each kind, size, number of pages and weight; and their
    `hashes`, the checksum (census/columns.py) of theirs."""
    return contents.group_by("host", *_EACH).agg(
        contents=_.count(), hashes=(_.hash % CHECKSUM_PRIME).sum().cast("int64")
    )


def together(contents: Table) -> Table:
    """The same of all hosts in one, where each content is there once; `pages` are those of all."""
    return _merged(contents, "hash").group_by(*_EACH).agg(contents=_.count())


def by_hash(rows: Table, end: int | None) -> Table:
    """The data contents whose hash is below `end` (None: all), each once for each host."""
    data = rows.filter((_.copies > 0) & (_.kind == DATA))
    if end is not None:
        data = data.filter(_.hash < end)
    return data.select("host", "hash").distinct()


def holders(held: Table) -> Table:
    """How many contents are on how many hosts."""
    each = held.group_by("hash").agg(hosts=_.count())
    return each.group_by("hosts").agg(contents=_.count())


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
    data = rows.filter((_.copies > 0) & (_.kind == DATA))
    if end is not None:
        data = data.filter(_.hash < end)
    return data.group_by("host", "hash").agg(pages=_.copies.sum().cast("int64"))
