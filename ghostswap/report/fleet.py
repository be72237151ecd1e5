"""What is known of a fleet, as one JSON document."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ghostswap.fleet.survey import Fleet, HostFigures, SystemFigures

SCHEMA = "ghostswap.fleet/1"
PERCENTILES = (5, 50, 95)


def document(fleet: "Fleet", min_hosts: int) -> dict[str, Any]:
    """Every key is always there; sizes are in bytes, ratios memory over the RAM that it takes."""
    totals, page_size = fleet.totals, fleet.inventory.page_size
    one_in = fleet.inventory.one_in
    return {
        "schema": SCHEMA,
        "engine": str(fleet.engine),
        "page_size": page_size,
        "hosts": len(fleet.hosts),
        "pages": totals.pages,
        "zero_pages": totals.zero_pages,
        "same_filled_pages": totals.same_filled_pages,
        "data_pages": totals.data_pages,
        "contents": fleet.contents,
        "sampled": {"one_in": one_in} if one_in > 1 else None,
        "within_bytes": (totals.data_pages - fleet.within_contents) * page_size,
        # Of samples each figure is an estimate of its own.
        "across_bytes": max(fleet.within_contents - fleet.contents, 0) * page_size,
        "systems": [_system(fleet, number) for number in range(len(fleet.systems))],
        "holders": {
            "min_hosts": min_hosts,
            "contents": fleet.holders.on_hosts(min_hosts),
            "looked_up_one_in": fleet.holders.one_in,
        },
        "pairs": [asdict(pair) for pair in fleet.pairs],
        "by_host": [_host(host) for host in fleet.hosts],
        "steps": [asdict(step) | {"taken": step.taken.isoformat()} for step in fleet.steps],
        "left_out": [str(error) for error in fleet.left_out],
        "notes": list(fleet.inventory.notes),
        "relative_error": fleet.relative_error,
    }


def _system(fleet: "Fleet", number: int) -> dict[str, Any]:
    """One system: RAM summed host by host and as if shared, and the spread of ratios over hosts."""
    of_all: SystemFigures = fleet.systems[number]
    figures = [host.systems[number] for host in fleet.hosts]
    return {
        "system": str(of_all.shared.system),
        "algorithm": of_all.shared.algorithm,
        "sum_ram_bytes": sum(each.ram_bytes for each in figures),
        "sum_pool_bytes": sum(each.pool_bytes for each in figures),
        **{
            f"p{percentile}": value
            for percentile, value in zip(
                PERCENTILES, _percentiles([each.ratio for each in figures]), strict=True
            )
        },
        "shared_ram_bytes": of_all.shared.ram_bytes,
        "shared_pool_bytes": of_all.shared.pool_bytes,
        "relative_error": of_all.sum_error,
        "shared_relative_error": of_all.shared.relative_error,
    }


def _percentiles(ratios: list[float | None]) -> list[float | None]:
    """Those of the ratios that there are: each is the ratio of a host, not between two."""
    known = [ratio for ratio in ratios if ratio is not None]
    if not known:
        return [None] * len(PERCENTILES)
    percentiles = np.percentile(known, PERCENTILES, method="inverted_cdf")
    return [float(value) for value in percentiles]


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
