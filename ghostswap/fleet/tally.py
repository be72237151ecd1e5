"""From what an engine counted to Populations and Copies, and how far a sample may be off.

Pure arithmetic over columns; no engine and no file.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.columns import DATA, SAME_FILLED, ZERO
from ghostswap.census.population import Copies, Population, SizeHistogram
from ghostswap.census.sample_error import DEVIATIONS, PoolCost
from ghostswap.fleet.inventory import Totals
from ghostswap.kernel.ksm import RMAP_ITEM_BYTES, STABLE_NODE_BYTES

I64 = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tally:
    """Contents by kind, size, the pages they stand for, and their weight: columns of equal length.

    There are `contents[i]` rows of contents that compress to `size[i]` bytes (0: not known); each
    stands for `weight[i]` contents and `pages[i]` pages. Where the weight is 1 it is certain that
    they are there; otherwise chance chose the row, one in `weight`. Of the pages, `chance_pages[i]`
    are scaled up from hosts on which chance chose it, one in `chance_weight[i]`.
    """

    kind: I64
    size: I64
    pages: I64
    weight: I64
    chance_pages: I64
    chance_weight: I64
    contents: I64

    def of_kind(self, kind: int) -> "Tally":
        """The rows of one kind."""
        return self.where(self.kind == kind)

    def where(self, rows: NDArray[np.bool_] | I64) -> "Tally":
        """Some of the rows, by a mask or by their numbers."""
        return Tally(
            self.kind[rows],
            self.size[rows],
            self.pages[rows],
            self.weight[rows],
            self.chance_pages[rows],
            self.chance_weight[rows],
            self.contents[rows],
        )

    @property
    def all_pages(self) -> int:
        """Pages that all stand for."""
        return int(self.pages @ self.contents)

    @property
    def all_contents(self) -> int:
        """Contents that all stand for."""
        return int(self.weight @ self.contents)


class TallyError(Exception):
    """Rows that cannot be those of the census that they are said to be of."""


def checked(tally: Tally, totals: Totals, page_size: int, weights: set[int], parts: int) -> None:
    """Whether these can be the rows of one host, whose files state `totals`; TallyError if not."""
    columns = (tally.kind, tally.size, tally.pages, tally.weight, tally.contents)
    if any((column < 0).any() for column in columns) or (tally.kind > DATA).any():
        raise TallyError("it has rows of no kind")
    both = np.concatenate([tally.weight, tally.chance_weight])
    if not set(np.unique(both).tolist()) <= weights:
        raise TallyError("it has rows of another weight than its sample's")
    data = tally.kind != ZERO
    if (tally.size > page_size + 1).any() or (tally.size[data] == 0).any():
        raise TallyError("it has sizes that no page has")
    if (tally.pages > totals.pages).any() or (tally.contents > totals.pages).any():
        raise TallyError("it has more pages than it says")
    certain = tally.where(tally.weight == 1)
    stated = (totals.zero_pages, totals.same_filled_pages, totals.data_pages)
    in_contents = (min(totals.zero_pages, 1), totals.same_filled_contents, totals.data_contents)
    for kind in (ZERO, SAME_FILLED, DATA):
        rows, sure = tally.of_kind(kind), certain.of_kind(kind)
        whole = len(rows.weight) == len(sure.weight) and weights == {1}
        if whole and rows.all_pages != stated[kind]:
            raise TallyError(f"its rows make {rows.all_pages} pages, not {stated[kind]}")
        if whole and parts == 1 and rows.all_contents != in_contents[kind]:
            raise TallyError(f"its rows make {rows.all_contents} contents, not {in_contents[kind]}")
        if sure.all_pages > stated[kind] or (parts == 1 and sure.all_contents > in_contents[kind]):
            raise TallyError("its most copied contents are more than it counted")
        if stated[kind] and not len(rows.contents):
            raise TallyError("its sample is too small: it has none of the contents of one kind")


def population(
    tally: Tally, totals: Totals, page_size: int, algorithm: str, parts: int
) -> Population:
    """The pages of one host. Chance chose some of a sample's contents: they are scaled so that
    pages and contents are as many as its files counted."""
    same, data = (
        _histogram(tally.of_kind(kind), page_size, _scales(tally, totals, kind, parts))
        for kind in (SAME_FILLED, DATA)
    )
    # The contents of several parts together are not known, but only what the sample says.
    known = {
        SAME_FILLED: (totals.same_filled_pages, totals.same_filled_contents),
        DATA: (totals.data_pages, totals.data_contents),
    }
    if parts > 1:
        known = {
            kind: (pages, tally.of_kind(kind).all_contents) for kind, (pages, _) in known.items()
        }
    copies = _copies(tally, known)
    return Population(page_size, algorithm, totals.zero_pages, same, data, copies)


def shared_population(tally: Tally, hosts: Population) -> Population:
    """All hosts in one: the pages of `hosts`, their sum, and each content once, as in `tally`."""

    def once(kind: int, sum_of_hosts: SizeHistogram) -> SizeHistogram:
        contents = _histogram(tally.of_kind(kind), hosts.page_size, (1.0, 1.0)).contents
        return SizeHistogram(sum_of_hosts.pages, contents)

    return Population(
        hosts.page_size,
        hosts.algorithm,
        hosts.zero,
        once(SAME_FILLED, hosts.same_filled),
        once(DATA, hosts.data),
        _copies(
            tally,
            {
                kind: (histogram.total_pages, tally.of_kind(kind).all_contents)
                for kind, histogram in ((SAME_FILLED, hosts.same_filled), (DATA, hosts.data))
            },
        ),
    )


def _copies(tally: Tally, known: Mapping[int, tuple[int, int]]) -> Copies:
    """How many contents are there how often. Those that chance chose are scaled so that of each
    kind pages and contents are as many as `known` says: those there once by one number, all others
    by another, since two sums have to come out."""
    times = np.rint(tally.pages / tally.weight).astype(np.int64)
    number = tally.weight * tally.contents
    scale = np.ones(len(number))
    for kind, (pages, contents) in known.items():
        light = (tally.kind == kind) & (tally.weight > 1)
        if not light.any():
            continue
        sure = (tally.kind == kind) & ~light
        pages_left = pages - (times * number)[sure].sum()
        contents_left = contents - number[sure].sum()
        once, more = light & (times == 1), light & (times > 1)
        duplicates = ((times - 1) * number)[more].sum()
        scale[light] = contents_left / number[light].sum()
        if once.any() and duplicates:
            of_more = (pages_left - contents_left) / duplicates
            of_once = (contents_left - of_more * number[more].sum()) / number[once].sum()
            if min(of_more, of_once) >= 0:  # else the sample is too small for that
                scale[more], scale[once] = of_more, of_once
    copies, at = np.unique(times, return_inverse=True)
    # Rounded last: of each row alone, the scale would be rounded off.
    return Copies(copies, np.rint(np.bincount(at, number * scale, len(copies))).astype(np.int64))


def _histogram(rows: Tally, page_size: int, scale: tuple[float, float]) -> SizeHistogram:
    light = rows.weight > 1
    pages = rows.pages * rows.contents * np.where(light, scale[0], 1.0)
    contents = rows.weight * rows.contents * np.where(light, scale[1], 1.0)
    length = page_size + 2
    return SizeHistogram(
        np.bincount(rows.size, pages, length).astype(np.float64),
        np.bincount(rows.size, contents, length).astype(np.float64),
    )


def _scales(tally: Tally, totals: Totals, kind: int, parts: int) -> tuple[float, float]:
    """By what to multiply the pages, and the contents, of rows chosen by chance, so that there are
    as many as were counted."""
    rows = tally.of_kind(kind)
    light, sure = rows.where(rows.weight > 1), rows.where(rows.weight == 1)
    if kind == ZERO or not len(light.contents):
        return 1.0, 1.0
    pages, contents = {
        SAME_FILLED: (totals.same_filled_pages, totals.same_filled_contents),
        DATA: (totals.data_pages, totals.data_contents),
    }[kind]
    of_pages = (pages - sure.all_pages) / light.all_pages
    # A content in several parts was counted in each, so that the sum is not known.
    of_contents = (contents - sure.all_contents) / light.all_contents if parts == 1 else 1.0
    return of_pages, of_contents


def relative_error(
    tally: Tally, cost: PoolCost, *, each_once: bool, scaled: bool, pools: int = 1
) -> float:
    """How far the bytes of a pool, or of the sum of `pools` pools, may be off at 95 % confidence: a
    fraction; 0 where nothing was left to chance.

    The variance of a Poisson sample (Horvitz and Thompson); where it is `scaled` to known totals,
    what remains is how contents differ from their mean.
    """
    data = tally.of_kind(DATA)
    if each_once:
        # Contents, and for how many each stands.
        amounts, weight = np.ones(len(data.size)), data.weight
        stored = data.weight.astype(np.float64)
    else:
        # Pages of one host, or of several in which chance chose the same contents.
        amounts, weight = data.chance_pages / data.chance_weight, data.chance_weight
        stored = data.pages.astype(np.float64)
    by_chance = (weight > 1) & (amounts > 0)
    if not by_chance.any():
        return 0.0
    bytes_each = cost.of_size[data.size]
    scaled_up = (amounts * weight * data.contents)[by_chance]
    mean = float(scaled_up @ bytes_each[by_chance] / scaled_up.sum()) if scaled else 0.0
    differs = amounts * (bytes_each - mean)
    variance = float((data.contents * weight * (weight - 1.0) * by_chance) @ differs**2)
    held = np.unique(cost.class_of_size[data.size])
    # A pool and its estimate end in a zspage filled by chance, a variance of 1/12 each.
    variance += pools * float((cost.zspage_bytes[held] ** 2).sum()) / 6
    total = float((stored * data.contents) @ bytes_each)
    return DEVIATIONS * math.sqrt(variance) / total if total else 0.0


def merged_error(tally: Tally, page_size: int, *, scaled: bool) -> float:
    """The same for the memory that KSM leaves, and its own: a page for each content, unless these
    are `scaled` to a known number; and what it keeps for each page and, at most, each shared one.
    """
    data = tally.of_kind(DATA)
    contents, pages = (
        each * np.sqrt(weight * (weight - 1.0))
        for each, weight in (
            (0.0 if scaled else float(page_size), data.weight),
            (
                (RMAP_ITEM_BYTES + STABLE_NODE_BYTES) * data.chance_pages / data.chance_weight,
                data.chance_weight,
            ),
        )
    )
    variance = float(data.contents @ (contents + pages) ** 2)
    total = float(data.contents @ data.weight) * page_size
    return DEVIATIONS * math.sqrt(variance) / total if total else 0.0
