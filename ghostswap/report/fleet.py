"""What is known of a fleet: each row described once, for tables and the one JSON document."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ghostswap.plan.fleet import PERCENTILES
from ghostswap.report.fields import Field, as_json, count, ratio, share, size
from ghostswap.systems.footprint import Footprint

if TYPE_CHECKING:
    from ghostswap.fleet.asking import Pair, Step
    from ghostswap.fleet.survey import Fleet, HostFigures

SCHEMA = "ghostswap.fleet/1"


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One system: RAM summed host by host and as if shared, and `ratios`, the percentiles over
    hosts of memory over the RAM that it takes."""

    shared: Footprint
    sum_error: float
    sum_ram_bytes: int
    sum_pool_bytes: int
    ratios: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two hosts, and the pages that both hold, of `page_size` bytes."""

    pair: "Pair"
    page_size: int


def _growth(before: int, after: int) -> float | None:
    """By what share there is more; None where there was nothing."""
    return after / before - 1 if before else None


def _share(part: int, whole: int) -> float | None:
    """None of nothing."""
    return part / whole if whole else None


def _signed_percent(value: float, exact: bool) -> str:
    return f"{value:+.1%}"


def _percent(value: float, exact: bool) -> str:
    return f"{value:.1%}"


SYSTEM: tuple[Field[SystemRow], ...] = (
    Field("system", "System", lambda row: str(row.shared.system)),
    Field("algorithm", "Algorithm", lambda row: row.shared.algorithm),
    Field("sum_ram_bytes", "Sum RAM", lambda row: row.sum_ram_bytes, size),
    Field("sum_pool_bytes", "", lambda row: row.sum_pool_bytes, size),
    Field("p5", "P5", lambda row: row.ratios[0], ratio),
    Field("p50", "P50", lambda row: row.ratios[1], ratio),
    Field("p95", "P95", lambda row: row.ratios[2], ratio),
    Field("shared_ram_bytes", "Shared RAM", lambda row: row.shared.ram_bytes, size),
    Field("shared_pool_bytes", "", lambda row: row.shared.pool_bytes, size),
    Field("relative_error", "", lambda row: row.sum_error),
    Field("shared_relative_error", "", lambda row: row.shared.relative_error),
    Field("", "Error", lambda row: max(row.sum_error, row.shared.relative_error), share),
)
PAIR: tuple[Field[PairRow], ...] = (
    Field("a", "Host", lambda row: row.pair.a),
    Field("b", "And", lambda row: row.pair.b),
    Field("shared_pages", "", lambda row: row.pair.shared_pages),
    Field("", "Share", lambda row: row.pair.shared_pages * row.page_size, size),
)
STEP: "tuple[Field[Step], ...]" = (
    Field("host", "Host", lambda row: row.host),
    Field("taken", "Taken", lambda row: row.taken.isoformat()),
    Field("seconds", "After", lambda row: row.seconds, lambda value, _: f"{value / 3600:.1f} h"),
    Field("pages_before", "", lambda row: row.pages_before),
    Field("pages", "Pages", lambda row: row.pages, count),
    Field("shared", "", lambda row: row.shared),
    Field("kept", "", lambda row: row.kept),
    Field("still_shared", "", lambda row: row.still_shared),
    Field("", "Growth", lambda row: _growth(row.pages_before, row.pages), _signed_percent),
    Field("", "Still shared", lambda row: _share(row.still_shared, row.shared), _percent),
)


def document(fleet: "Fleet", min_hosts: int) -> dict[str, Any]:
    """Every key is always there; sizes are in bytes, ratios memory over the RAM that it takes."""
    totals, one_in = fleet.totals, fleet.inventory.one_in
    return {
        "schema": SCHEMA,
        "engine": str(fleet.engine),
        "page_size": fleet.inventory.page_size,
        "hosts": len(fleet.hosts),
        "pages": totals.pages,
        "zero_pages": totals.zero_pages,
        "same_filled_pages": totals.same_filled_pages,
        "data_pages": totals.data_pages,
        "contents": fleet.contents,
        "sampled": {"one_in": one_in} if one_in > 1 else None,
        "within_bytes": fleet.within_bytes,
        "across_bytes": fleet.across_bytes,
        "systems": [as_json(SYSTEM, row) for row in system_rows(fleet)],
        "holders": {
            "min_hosts": min_hosts,
            "contents": fleet.holders.on_hosts(min_hosts),
            "looked_up_one_in": fleet.holders.one_in,
        },
        "pairs": [as_json(PAIR, row) for row in pair_rows(fleet)],
        "by_host": [_host(host) for host in fleet.hosts],
        "steps": [as_json(STEP, step) for step in fleet.steps],
        "left_out": [str(error) for error in fleet.left_out],
        "notes": list(fleet.inventory.notes),
        "relative_error": fleet.relative_error,
    }


def system_rows(fleet: "Fleet") -> list[SystemRow]:
    """A row for each system and algorithm."""
    rows = []
    for number, of_all in enumerate(fleet.systems):
        figures = [host.systems[number] for host in fleet.hosts]
        rows.append(
            SystemRow(
                of_all.shared,
                of_all.sum_error,
                sum(each.ram_bytes for each in figures),
                sum(each.pool_bytes for each in figures),
                _percentiles([each.ratio for each in figures]),
            )
        )
    return rows


def pair_rows(fleet: "Fleet") -> list[PairRow]:
    """A row for each pair of hosts."""
    return [PairRow(pair, fleet.inventory.page_size) for pair in fleet.pairs]


def _percentiles(ratios: list[float | None]) -> tuple[float | None, ...]:
    """Those of the ratios that there are: each is the ratio of a host, not between two."""
    known = [each for each in ratios if each is not None]
    if not known:
        return (None,) * len(PERCENTILES)
    percentiles = np.percentile(known, PERCENTILES, method="inverted_cdf")
    return tuple(float(value) for value in percentiles)


def _host(host: "HostFigures") -> dict[str, Any]:
    totals = host.host.totals
    return {
        "host": host.host.name,
        "taken": host.host.taken.isoformat(),
        "kernel": host.host.parts[0].kernel,
        "ram_bytes": host.host.ram_bytes,
        "pages": totals.pages,
        "zero_pages": totals.zero_pages,
        "systems": [
            {
                "system": str(each.system),
                "algorithm": each.algorithm,
                "ram_bytes": each.ram_bytes,
                "ratio": each.ratio,
                "relative_error": each.relative_error,
            }
            for each in host.systems
        ],
    }
