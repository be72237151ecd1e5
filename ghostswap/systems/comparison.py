"""All systems on the same pages: their footprints side by side, and by whose rules."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ghostswap.census.population import population, uncompressed
from ghostswap.census.spread import Spread
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


def compare(census: Census, rules: Rules) -> Comparison:
    """The systems on the pages of a census; without those that need sizes where none is known."""
    footprints = [
        footprint
        for measured in census.measured
        for footprint in _compressed(census, measured, rules)
    ]
    pages = uncompressed(census)
    footprints += [row.footprint(pages, rules) for row in SYSTEMS.values() if not row.compresses]
    return Comparison(rules, census.page_size, census.total, census.partial, tuple(footprints))


def _compressed(census: Census, measured: Measured, rules: Rules) -> Iterator[Footprint]:
    pages = population(census, measured)
    if pages is None:
        return
    sample = census.sample
    spread = Spread.of(census.contents, measured.sizes, sample) if sample else None
    for row in SYSTEMS.values():
        if row.compresses:
            error = _codec_error(row, measured, rules)
            if spread is not None:
                cost = pool_cost(row.pool, rules, census.page_size)
                error += spread.relative_error(cost, each_once=row.once)
            yield replace(row.footprint(pages, rules), relative_error=error)


def _codec_error(row: Row, measured: Measured, rules: Rules) -> float:
    """How far sizes may be from those of the kernel, as a share of them."""
    if row.pool is Pool.ZSWAP:
        return measured.relative_error + rules.zswap_codec_error(measured.algorithm)
    return measured.relative_error
