"""All systems on the same pages: their footprints side by side, and by whose rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ghostswap.census.coverage import NOTHING_LEFT_OUT, Coverage, coverage_of
from ghostswap.census.idle_share import IdleMemory, IdleShare, idle_error, scaled, sharing_error
from ghostswap.census.population import population, uncompressed
from ghostswap.census.sample_error import SampleError
from ghostswap.census.table import Census, Measured
from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.recompression import Recompression
from ghostswap.kernel.rules import Rules
from ghostswap.systems.footprint import Footprint, Recompressed, System
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import SYSTEMS, Row, by_variant
from ghostswap.systems.zero_pages import without_zero

# zstd's sizes with the parameters of zram, where zswap has others: 1.8 % less of executables.
OTHER_PARAMETERS = 0.02


@dataclass(frozen=True, slots=True)
class Comparison:
    """What every system makes of `total_pages` pages under `rules`, for each algorithm.

    `partial` where the pages were to be more: it was interrupted. `idle` where they are those that
    nothing touches. Of the total, `zero_pages` are of zeros.
    """

    rules: Rules
    page_size: int
    total_pages: int
    partial: bool
    footprints: tuple[Footprint, ...]
    idle: IdleMemory | None = None
    zero_pages: int = 0
    coverage: Coverage = NOTHING_LEFT_OUT

    def without_dump_zeros(self) -> "Comparison":
        """The same without the zero pages of dumps, which may never have been touched."""
        pages = self.coverage.dump_zero_pages
        footprints = (
            without_zero(each, pages, self.zero_pages, self.rules) for each in self.footprints
        )
        return replace(
            self,
            total_pages=self.total_pages - pages,
            footprints=tuple(footprints),
            zero_pages=self.zero_pages - pages,
            coverage=replace(self.coverage, dump_zero_pages=0),
        )

    def of(self, algorithm: str | None) -> dict[System, Footprint]:
        """The footprints of one algorithm, and those of systems that need none."""
        return {each.system: each for each in self.footprints if each.name in (algorithm, None)}


def compare(
    census: Census,
    rules: Rules,
    share: IdleShare | None = None,
    recompression: Recompression | None = None,
) -> Comparison:
    """The systems on the pages of a census; without those that need sizes where none is known. With
    a `share`, its pages are a sample that stands for all idle ones; with a `recompression`, by an
    algorithm that was measured too, zram also after it."""
    footprints: list[Footprint] = []
    for measured in census.measured:
        if measured.variant is Variant.IN_CRYPTO:
            continue
        for sizes, rows in _rows(census, measured, rules):
            footprints += _compressed(census, sizes, rules, share, rows)
        if recompression is not None:
            footprints += _recompressed(census, measured, rules, share, recompression)
    pages = uncompressed(census)
    error, total, partial = 0.0, census.total, census.partial
    if share is not None:
        pages, error = scaled(pages, census, share), sharing_error(census, share)
        total, partial = pages.total, partial or share.partial
    footprints += [
        replace(row.footprint(pages, rules), relative_error=error)
        for row in SYSTEMS.values()
        if not row.compresses
    ]
    return Comparison(
        rules,
        census.page_size,
        total,
        partial,
        tuple(footprints),
        idle=None if share is None else share.memory,
        zero_pages=pages.zero,
        coverage=coverage_of(census),
    )


def _compressed(
    census: Census,
    measured: Measured,
    rules: Rules,
    share: IdleShare | None,
    rows: Sequence[Row],
) -> Iterator[Footprint]:
    pages = population(census, measured)
    if pages is None:
        return
    if share is not None:
        pages = scaled(pages, census, share)
    sample = census.sample
    sample_error = SampleError.of(census.contents, measured.sizes, sample) if sample else None
    for row in rows:
        error = measured.relative_error
        cost = pool_cost(row.pool, rules, census.page_size)
        if share is not None:
            error += idle_error(census, measured, share, cost, each_once=row.once)
        elif sample_error is not None:
            error += sample_error.relative_error(cost, each_once=row.once)
        footprint = row.footprint(pages, rules)
        yield replace(footprint, relative_error=error, variant=measured.variant)


def _recompressed(
    census: Census,
    first: Measured,
    rules: Rules,
    share: IdleShare | None,
    recompression: Recompression,
) -> Iterator[Footprint]:
    """zram of the algorithm `first` after the recompression; nothing where that is by itself."""
    by = recompression.algorithm + first.variant
    second = next(each for each in census.measured if each.name == by)
    if second is first:
        return
    known = (first.sizes > 0) & (second.sizes > 0)
    replaced = recompression.replaces(first.sizes, second.sizes, rules.classes(census.page_size))
    left = np.where(replaced, second.sizes, first.sizes) * known
    error = max(first.relative_error, second.relative_error)
    after = replace(first, sizes=left, cost=None, relative_error=error)
    # Counted like sizes, so that those compressed stand for all: 1 for an object that is replaced.
    marks = (np.where(replaced, 1, 2) * known).astype(first.sizes.dtype)
    counted = population(census, replace(after, sizes=marks))
    if counted is None:
        return
    if share is not None:
        counted = scaled(counted, census, share)
    counts = Recompressed(
        recompression.algorithm,
        recompression.pages,
        recompression.threshold,
        round(float(counted.data.pages[1])),
    )
    rows = [row for row in SYSTEMS.values() if row.recompresses]
    for footprint in _compressed(census, after, rules, share, rows):
        yield replace(footprint, recompression=counts)


def _rows(census: Census, measured: Measured, rules: Rules) -> Iterator[tuple[Measured, list[Row]]]:
    """The systems of one algorithm, each beside what was measured as its kernel compresses."""
    for variant, rows in by_variant(rules.zswap_variant(measured.algorithm)):
        if variant is Variant.ZRAM:
            yield measured, rows
            continue
        # A census that was saved for another kernel has no such sizes.
        near = replace(measured, relative_error=measured.relative_error + OTHER_PARAMETERS)
        of_zswap = next((each for each in census.measured if each.variant is variant), near)
        yield replace(of_zswap, algorithm=measured.algorithm, variant=measured.variant), rows
