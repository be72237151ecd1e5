"""All systems on the same pages: their footprints side by side, and by whose rules."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ghostswap.census.idle_share import IdleShare, idle_error, scaled, sharing_error
from ghostswap.census.population import population, uncompressed
from ghostswap.census.sample_error import SampleError
from ghostswap.census.table import Census, Measured
from ghostswap.kernel.rules import Rules
from ghostswap.systems.footprint import Footprint, System
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import SYSTEMS, Pool, Row


@dataclass(frozen=True, slots=True)
class Comparison:
    """What every system makes of `total_pages` pages under `rules`, for each algorithm.

    `partial` where the pages were to be more: it was interrupted.
    """

    rules: Rules
    page_size: int
    total_pages: int
    partial: bool
    footprints: tuple[Footprint, ...]

    def of(self, algorithm: str | None) -> dict[System, Footprint]:
        """The footprints of one algorithm, and those of systems that need none."""
        return {
            each.system: each for each in self.footprints if each.algorithm in (algorithm, None)
        }


def compare(census: Census, rules: Rules, share: IdleShare | None = None) -> Comparison:
    """The systems on the pages of a census; without those that need sizes where none is known. With
    a `share`, its pages are a sample that stands for all idle ones."""
    footprints = [
        footprint
        for measured in census.measured
        for footprint in _compressed(census, measured, rules, share)
    ]
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
    return Comparison(rules, census.page_size, total, partial, tuple(footprints))


def _compressed(
    census: Census, measured: Measured, rules: Rules, share: IdleShare | None
) -> Iterator[Footprint]:
    pages = population(census, measured)
    if pages is None:
        return
    if share is not None:
        pages = scaled(pages, census, share)
    sample = census.sample
    sample_error = SampleError.of(census.contents, measured.sizes, sample) if sample else None
    for row in SYSTEMS.values():
        if row.compresses:
            error = _codec_error(row, measured, rules)
            cost = pool_cost(row.pool, rules, census.page_size)
            if share is not None:
                error += idle_error(census, measured, share, cost, each_once=row.once)
            elif sample_error is not None:
                error += sample_error.relative_error(cost, each_once=row.once)
            yield replace(row.footprint(pages, rules), relative_error=error)


def _codec_error(row: Row, measured: Measured, rules: Rules) -> float:
    """How far sizes may be from those of the kernel, as a share of them."""
    if row.pool is Pool.ZSWAP:
        return measured.relative_error + rules.zswap_codec_error(measured.algorithm)
    return measured.relative_error
