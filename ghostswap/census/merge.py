"""One census of several: what a scan over all their sources together would have found."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ghostswap.census.distinct import contents_numbers, distinct_contents
from ghostswap.census.table import Census, Cost, Measured, size_type
from ghostswap.errors import GhostswapError
from ghostswap.units import listed


def merge(censuses: Sequence[Census], files: Sequence[object] = ()) -> Census:
    """The census of all their pages; associative, and the order changes only that of the sources.

    Of the algorithms, those stay that all have. Raises GhostswapError where the censuses cannot be
    compared: other page sizes, hashes of another salt, or a sample among them. It names them by
    the `files` that they are from, else by their sources.
    """
    first, *others = censuses
    if not others:
        return first
    names = [str(file) for file in files] or [_name(each) for each in censuses]
    _check(censuses, names)
    hashes = np.concatenate([each.hash for each in censuses])
    readable = np.concatenate([each.readable for each in censuses])
    sources = tuple(
        replace(source, first=source.first + offset)
        for each, offset in zip(censuses, _offsets(censuses), strict=True)
        for source in each.sources
    )
    holes = sum(source.facts.holes for source in sources)
    zeros = np.concatenate([each.contents.hash[each.contents.zero] for each in censuses])
    same = [each.contents.hash[each.contents.same_filled] for each in censuses]
    contents = distinct_contents(hashes, readable, holes, int(zeros[0]) if len(zeros) else 0, same)
    measured = []
    for name in _shared_algorithms(censuses):
        sizes = np.zeros(len(contents.hash), dtype=size_type(first.page_size))
        parts = [_measured(each, name) for each in censuses]
        for each, part in zip(censuses, parts, strict=True):
            known = part.sizes > 0
            sizes[contents_numbers(contents, each.contents.hash[known])] = part.sizes[known]
        measured.append(
            replace(
                parts[0],
                sizes=sizes,
                cost=_mean_cost(parts),
                relative_error=max(part.relative_error for part in parts),
            )
        )
    return Census(
        first.page_size,
        first.seed,
        sources,
        hashes,
        readable,
        contents,
        tuple(measured),
        any(each.partial for each in censuses),
        salt=first.salt,
    )


def _check(censuses: Sequence[Census], names: Sequence[str]) -> None:
    first = censuses[0]
    for each, name in zip(censuses, names, strict=True):
        if each.page_size != first.page_size:
            sizes = f"{each.page_size} bytes, {names[0]} of {first.page_size}"
            raise GhostswapError(name, f"has pages of {sizes}")
        if (each.salt, each.seed) != (first.salt, first.seed):
            raise GhostswapError(
                name, f"was saved with another salt than {names[0]}: give all one --salt-file"
            )
    for each, name in zip(censuses, names, strict=True):
        if each.sample is not None:
            raise GhostswapError(name, "is a sample (--quick): read it alone")


def _name(census: Census) -> str:
    return listed([source.facts.name for source in census.sources])


def _offsets(censuses: Sequence[Census]) -> list[int]:
    rows = [len(each.hash) for each in censuses]
    return [sum(rows[:number]) for number in range(len(rows))]


def _shared_algorithms(censuses: Sequence[Census]) -> list[str]:
    names = [[measured.name for measured in each.measured] for each in censuses]
    shared = [name for name in names[0] if all(name in others for others in names)]
    if not shared:
        raise GhostswapError(_name(censuses[0]), "has no algorithm in common with the others")
    return shared


def _measured(census: Census, name: str) -> Measured:
    return next(each for each in census.measured if each.name == name)


def _mean_cost(parts: Sequence[Measured]) -> Cost | None:
    """The mean over all pages compressed; None where one has none."""
    costs = [part.cost for part in parts if part.cost is not None]
    if len(costs) < len(parts):
        return None
    pages = np.array([np.count_nonzero(part.sizes) for part in parts], dtype=np.float64)
    if not pages.any():
        return costs[0]
    return Cost(
        float(np.average([cost.compress_ns for cost in costs], weights=pages)),
        float(np.average([cost.decompress_ns for cost in costs], weights=pages)),
    )
