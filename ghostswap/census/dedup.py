"""Who holds the duplicates: copies of a content by number, by source, by mapping and by kind."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ghostswap.arrays import begins_of_runs
from ghostswap.census.distinct import contents_numbers, copies_of
from ghostswap.census.table import I64, Bools, Census, Measured, SourceRows


@dataclass(frozen=True, slots=True)
class Bucket:
    """Data contents that are there `copies` times: their number, and the pages they make."""

    copies: int
    contents: int
    pages: int


@dataclass(frozen=True, slots=True)
class Group:
    """The pages of one source, mapping or kind; `distinct` contents are counted within the group.

    `mean_bytes` is what a data page compresses to on average; None where none was compressed.
    """

    name: str
    pages: int
    zero: int
    same_filled: int
    distinct: int
    duplicate: int
    mean_bytes: float | None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A content with several copies, where they are, and one page that holds it."""

    hash: int
    copies: int
    sources: tuple[str, ...]
    example: tuple[int, int]  # number of a source, and of a page within it


def histogram(census: Census) -> list[Bucket]:
    """Data contents by number of copies, fewest first."""
    copies, contents = copies_of(census.contents.pages[census.contents.data])
    return [
        Bucket(each, number, each * number)
        for each, number in zip(copies.tolist(), contents.tolist(), strict=True)
    ]


def in_powers_of_two(buckets: list[Bucket]) -> list[Bucket]:
    """The same histogram with `copies` standing for all from it to twice that, as zdb -S does."""
    merged: dict[int, Bucket] = {}
    for bucket in buckets:
        power = 1 << (bucket.copies.bit_length() - 1)
        old = merged.get(power, Bucket(power, 0, 0))
        merged[power] = Bucket(power, old.contents + bucket.contents, old.pages + bucket.pages)
    return list(merged.values())


def shared_between_sources(census: Census) -> int:
    """Data pages that dedup over all sources saves beyond dedup inside each source alone."""
    if len(census.sources) < 2:
        return 0
    # Of each source its own hashes alone: with thousands of sources, each has few of the contents.
    contents, within = census.contents, 0
    others = contents.hash[~contents.data]
    for source in census.sources:
        rows = slice(source.first, source.first + source.pages)
        own = np.sort(census.hash[rows][census.readable[rows]])
        own = own[begins_of_runs(own)]
        same = np.searchsorted(others, own, "right") - np.searchsorted(others, own)
        within += len(own) - int(same.sum())
    return within - int(np.count_nonzero(contents.data))


def _contents_of(census: Census, source: SourceRows) -> I64:
    """The content number of each page of a source that was had."""
    rows = slice(source.first, source.first + source.pages)
    return contents_numbers(census.contents, census.hash[rows][census.readable[rows]])


def by_source(census: Census, measured: Measured) -> list[Group]:
    """A group a source, in their order."""
    return [
        _group(
            census, measured, source.facts.name, _contents_of(census, source), source.facts.holes
        )
        for source in census.sources
    ]


def by_mapping(census: Census, measured: Measured) -> list[Group]:
    """A group for each kind of mapping that occurs, over all sources, the largest first."""
    rows: dict[str, list[slice]] = {}
    holes: Counter[str] = Counter()
    for source in census.sources:
        for name, first, pages, of_segment in _segments(source):
            rows.setdefault(name, []).append(slice(first, first + pages))
            holes[name] += of_segment
    groups = []
    for name, parts in rows.items():
        hashes = np.concatenate([census.hash[part][census.readable[part]] for part in parts])
        numbers = contents_numbers(census.contents, hashes)
        groups.append(_group(census, measured, name, numbers, holes[name]))
    return sorted(groups, key=lambda group: -group.pages)


def _segments(source: SourceRows) -> Iterator[tuple[str, int, int, int]]:
    """Mapping, first row, pages and holes; all of a source that does not tell is one unknown
    segment."""
    if not source.segments:
        yield "unknown", source.first, source.pages, source.facts.holes
    for segment in source.segments:
        yield str(segment.mapping), source.first + segment.first, segment.pages, segment.holes


def by_kind(census: Census, measured: Measured) -> list[Group]:
    """Zero, same-filled and data pages."""
    contents = census.contents
    kinds: list[tuple[str, Bools]] = [
        ("zero", contents.zero),
        ("same-filled", contents.same_filled),
        ("data", contents.data),
    ]
    return [
        _group(
            census, measured, name, np.repeat(np.flatnonzero(kind), contents.pages[kind]), holes=0
        )
        for name, kind in kinds
        if kind.any()
    ]


def of_all(name: str, census: Census, measured: Measured) -> Group:
    """One group of all pages."""
    pages = census.contents.pages
    return _group(census, measured, name, np.repeat(np.arange(len(pages)), pages), holes=0)


def _group(census: Census, measured: Measured, name: str, numbers: I64, holes: int) -> Group:
    """The group of the pages whose content numbers are `numbers`, and `holes` zero pages more."""
    contents = census.contents
    if len(numbers) < len(contents.hash):  # one of many groups: of its own contents alone
        own, pages = np.unique(numbers, return_counts=True)
    else:
        own, pages = (
            np.arange(len(contents.hash)),
            np.bincount(numbers, minlength=len(contents.hash)),
        )
    zero, same_filled = contents.zero[own], contents.same_filled[own]
    is_data = ~zero & ~same_filled
    data = int(pages[is_data].sum())
    distinct = int(np.count_nonzero(pages[is_data]))
    sizes = np.minimum(measured.sizes[own].astype(np.int64), census.page_size)
    known = pages * (sizes > 0) * is_data
    return Group(
        name,
        pages=int(pages.sum()) + holes,
        zero=int(pages[zero].sum()) + holes,
        same_filled=int(pages[same_filled].sum()),
        distinct=distinct,
        duplicate=data - distinct,
        mean_bytes=float((known * sizes).sum() / known.sum()) if known.any() else None,
    )


def most_copied(census: Census, number: int) -> list[Duplicate]:
    """The `number` data contents with the most copies, two at least."""
    contents = census.contents
    pages = contents.pages
    repeated = np.flatnonzero(contents.data & (pages > 1))
    most = repeated[np.argsort(-pages[repeated], kind="stable")][:number]
    ascending = np.sort(most)
    holders: dict[int, list[str]] = {content: [] for content in most.tolist()}
    examples: dict[int, tuple[int, int]] = {}
    for index, source in enumerate(census.sources):
        for content, page in _first_pages(census, source, ascending):
            holders[content].append(source.facts.name)
            examples.setdefault(content, (index, page))
    return [
        Duplicate(int(contents.hash[each]), int(pages[each]), tuple(names), examples[each])
        for each, names in holders.items()
    ]


def _first_pages(census: Census, source: SourceRows, numbers: I64) -> Iterator[tuple[int, int]]:
    """Of the contents with these ascending `numbers`, those that the source has, and its first page
    that holds each."""
    if not len(numbers):
        return
    rows = slice(source.first, source.first + source.pages)
    hashes, readable = census.hash[rows], census.readable[rows]
    known = census.contents.hash[numbers]
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    (pages,) = np.nonzero((known[at] == hashes) & readable)
    which, first = np.unique(at[pages], return_index=True)
    yield from zip(numbers[which].tolist(), pages[first].tolist(), strict=True)
