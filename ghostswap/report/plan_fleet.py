"""The plan for a fleet: each row described once, for a table and the one JSON document; and the
lines that set its default up."""

from dataclasses import dataclass
from typing import Any

from ghostswap.errors import GhostswapError, UsageError
from ghostswap.kernel.algorithm import Algorithm
from ghostswap.kernel.slots import Design
from ghostswap.plan.fleet import PERCENTILES, Default, FleetPlan, HostSizing, fit, spread
from ghostswap.report.fields import Field, as_json, ratio, size
from ghostswap.report.setup import GENERATOR_FILE
from ghostswap.systems.table import SYSTEMS

SCHEMA = "ghostswap.plan-fleet/1"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class PercentileRow:
    """The host at a percentile: its ratio, and what it needs, in bytes and as a share of RAM."""

    percentile: int
    ratio: float
    size_bytes: int
    share_of_ram: float


PERCENTILE: tuple[Field[PercentileRow], ...] = (
    Field("percentile", "Percentile", lambda row: row.percentile, lambda value, _: f"{value}%"),
    Field("ratio", "Ratio", lambda row: row.ratio, ratio),
    Field("size_bytes", "Size", lambda row: row.size_bytes, size),
    Field("share_of_ram", "Of RAM", lambda row: row.share_of_ram, lambda value, _: f"{value:.0%}"),
)


def percentile_rows(plan: FleetPlan) -> list[PercentileRow]:
    """How the hosts of a plan differ, a row for each percentile."""
    of_hosts = spread(plan.hosts)
    columns = (of_hosts.ratios, of_hosts.needed_bytes, of_hosts.shares_of_ram)
    return [PercentileRow(*each) for each in zip(PERCENTILES, *columns, strict=True)]


def document(plan: FleetPlan) -> dict[str, Any]:
    """Every key is always there; sizes are in bytes, ratios memory over the pool that holds it."""
    footprint = plan.hosts[0].sizing.footprint
    default = fit(plan.hosts)
    return {
        "schema": SCHEMA,
        "hosts": len(plan.hosts),
        "system": str(footprint.system),
        "algorithm": footprint.algorithm,
        "max_pool_percent": plan.hosts[0].sizing.limit.percent,
        "percentiles": [as_json(PERCENTILE, row) for row in percentile_rows(plan)],
        "default": {
            "share_of_ram": default.share_of_ram,
            "most_bytes": default.most_bytes,
            "failing_hosts": len(default.failing),
            "failing": [_failing(host, default) for host in default.failing],
        },
        "by_host": [
            {
                "host": host.host,
                "ram_bytes": host.sizing.limit.ram_bytes,
                "ratio": host.sizing.footprint.ratio,
                "relative_error": host.sizing.error,
                "size_bytes": host.needed_bytes,
            }
            for host in plan.hosts
        ],
        "empty": list(plan.empty),
        "left_out": list(plan.left_out),
        "pages": plan.pages,
        "left_out_zero_pages": plan.left_out_zero_pages,
    }


def _failing(host: HostSizing, default: Default) -> dict[str, Any]:
    return {
        "host": host.host,
        "size_bytes": host.needed_bytes,
        "default_bytes": default.bytes(host.sizing.limit.ram_bytes),
    }


def rule(default: Default) -> str:
    """The default as zram-generator takes it; its `ram` and the result are in MiB.

    >>> rule(Default(85, 24 << 30, ()))
    'min(ram * 0.85, 24576)'
    """
    return f"min(ram * {default.share_of_ram:.2f}, {default.most_bytes // _MIB})"


def zram_generator(plan: FleetPlan) -> list[str]:
    """The lines of zram-generator.conf(5); UsageError for a system that is not zram."""
    sizing = plan.hosts[0].sizing
    system, name = sizing.footprint.system, sizing.footprint.algorithm
    if SYSTEMS[system].design is not Design.ZRAM or not SYSTEMS[system].released:
        raise UsageError("--emit", f"zram-generator does not set up {system}; --system zram would")
    default = fit(plan.hosts)
    try:
        algorithm = Algorithm.parse(name or "")
    except ValueError as error:
        raise GhostswapError("--emit", str(error)) from None
    options = "" if algorithm.level is None else f"(level={algorithm.level})"
    return [
        f"# too small for {len(default.failing)} of the {len(plan.hosts)} hosts it is fitted to",
        *GENERATOR_FILE,
        "[zram0]",
        f"zram-size = {rule(default)}",
        f"zram-resident-limit = ram * {sizing.limit.percent / 100:.2f}",
        f"compression-algorithm = {algorithm.name}{options}",
        "swap-priority = 100",
    ]
