"""The result of a plan: its figures together, how each came about, and as a JSON document."""

from dataclasses import asdict, dataclass
from typing import Any

from ghostswap.kernel.cgroups import LimitFile
from ghostswap.kernel.slots import Charge
from ghostswap.plan.answer import Plan, PlanRequest
from ghostswap.plan.demand import MGLRU, Demand, DemandSource
from ghostswap.plan.designs import DesignCost
from ghostswap.plan.eviction import Eviction
from ghostswap.plan.sizing import Sizing, slots_within
from ghostswap.report.fields import Field, as_json, ratio, size
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS, Pool
from ghostswap.units import format_duration, format_size

SCHEMA = "ghostswap.plan/2"


SIZING: tuple[Field[Sizing], ...] = (
    Field("", "RAM", lambda row: row.limit.ram_bytes, size),
    Field("system", "System", lambda row: str(row.footprint.system)),
    Field("ratio", "Ratio", lambda row: row.footprint.ratio, ratio),
    Field("relative_error", "", lambda row: row.error),
    Field("pool_bytes_per_slot", "", lambda row: row.footprint.pool_bytes / row.footprint.slots),
    Field("slack_bytes", "", lambda row: row.footprint.slack_bytes),
    Field("refused_pages", "", lambda row: row.footprint.refused_pages),
    Field("", "Pool limit", lambda row: row.limit_bytes, size),
    Field("capacity.expected.slots", "", lambda row: row.expected),
    Field("capacity.expected.memory_bytes", "Holds", lambda row: row.memory_of(row.expected), size),
    Field("capacity.pessimistic.slots", "", lambda row: row.pessimistic),
    Field(
        "capacity.pessimistic.memory_bytes",
        "At worst",
        lambda row: row.memory_of(row.pessimistic),
        size,
    ),
    Field("capacity.optimistic.slots", "", lambda row: row.optimistic),
    Field(
        "capacity.optimistic.memory_bytes",
        "At best",
        lambda row: row.memory_of(row.optimistic),
        size,
    ),
    Field("capacity.steady.slots", "", lambda row: row.steady),
    Field("capacity.steady.memory_bytes", "", lambda row: row.memory_of(row.steady)),
    Field("used_slots", "", lambda row: row.used),
    Field("limited_by", "", lambda row: row.limited_by),
    Field("size.pages", "", lambda row: row.exact_pages),
    Field("size.bytes", "Size", lambda row: row.exact_pages * row.footprint.page_size, size),
    Field("recommended.bytes", "Recommended", lambda row: row.recommended_bytes, size),
    Field("recommended.pages", "Pages", lambda row: row.recommended_pages),
    Field("recommended.mib", "", lambda row: row.recommended_mib),
    Field("disk_bytes", "To disk", lambda row: row.disk_bytes, size),
    Field("overcommitted_bytes", "", lambda row: row.overcommitted_bytes),
    Field("unheld_bytes", "", lambda row: row.unheld_bytes),
)
"""A size for one system on one machine, in every form of output."""

DESIGN: tuple[Field[DesignCost], ...] = (
    Field("design", "Design", lambda row: str(row.design)),
    Field("empty_bytes", "Empty", lambda row: row.empty_bytes, size),
    Field("metadata_bytes", "Metadata", lambda row: row.metadata_bytes, size),
    Field("pool_bytes", "Pool", lambda row: row.pool_bytes, size),
    Field("ram_bytes", "RAM", lambda row: row.ram_bytes, size),
    Field("disk_bytes", "Disk", lambda row: row.disk_bytes, size),
    Field("swap_total_bytes", "Swap total", lambda row: row.swap_total_bytes, size),
    Field("writes_back", "", lambda row: row.writes_back),
    Field("", "Writes back to", lambda row: row.writes_back or "nothing"),
)
"""What a design takes, in every form of output."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a figure came about: its name, as in the JSON, the calculation, and who says so."""

    figure: str
    calculation: str
    source: str


def derivations(plan: Plan) -> list[Derivation]:
    """Every figure of the size, in the order in which one follows from another."""
    sizing, kernel = plan.sizing, plan.kernel
    footprint = sizing.footprint
    page = footprint.page_size
    each = footprint.pool_bytes / footprint.slots
    pages = sizing.limit.ram_bytes // page
    group = sizing.limit.group
    steps = [
        Derivation(
            f"cgroup: {limit.file}",
            f"{limit.bytes} bytes = {slots_within(limit, footprint)} slots, those of zswap "
            f"{footprint.compressed_bytes / footprint.slots:.1f} bytes each, compressed",
            f"set in {limit.group}; {_CGROUP_SOURCES[limit.file]}",
        )
        for limit in (group.limits if group else ())
    ]
    if plan.eviction is not None:
        steps.append(_eviction(plan.eviction))
    steps += [
        Derivation(
            "pool_limit_bytes",
            f"{pages} pages of RAM × {sizing.limit.percent} % = {sizing.limit_bytes // page} pages "
            f"= {sizing.limit_bytes} bytes",
            _limit_source(footprint.system),
        ),
        Derivation(
            "pool_bytes_per_slot",
            f"{footprint.pool_bytes} bytes of pool / {footprint.slots} slots = {each:.1f} bytes, "
            f"{footprint.slots - footprint.pages_stored} of them zero pages that take no pool",
            plan.input.name,
        ),
        Derivation(
            "capacity.expected",
            f"{sizing.limit_bytes} / {each:.1f} = {sizing.expected} slots"
            if sizing.limited_by in ("pool", "demand")
            else f"{sizing.expected} slots, where {sizing.limited_by} is reached before the pool's",
            "computed",
        ),
        Derivation(
            "capacity.pessimistic",
            f"{sizing.limit_bytes} / ({each:.1f} × {1 + sizing.error:.4f}) = "
            f"{sizing.pessimistic} slots",
            f"error {footprint.relative_error:g} of the measure, margin {sizing.margin:g}",
        ),
        Derivation(
            "capacity.optimistic",
            f"{sizing.limit_bytes} / ({each:.1f} × {1 - sizing.error:.4f} × "
            f"{1 - footprint.slack:.4f}) = {sizing.optimistic} slots",
            f"the same; up to {footprint.slack_bytes} bytes of the pool are zspages not full yet",
        ),
        Derivation(
            "capacity.steady",
            f"{sizing.limit.accept_percent} % of the limit, in pages: "
            f"{sizing.limit.steady_bytes(page)} / {each:.1f} = {sizing.steady} slots",
            _steady_source(footprint.system),
        ),
        Derivation(
            "size.pages",
            f"{sizing.used} slots + 1 page of header = {sizing.exact_pages} pages",
            "read_swap_header(), mm/swapfile.c, 6.18: slot 0 is the header",
        ),
        Derivation(
            "recommended.bytes",
            f"{sizing.needed} slots (the optimistic end and no more than the demand; of a swapfile "
            f"what goes to disk too), rounded up to {sizing.recommended_bytes} bytes "
            f"({format_size(sizing.recommended_bytes)})",
            "a power of two in eighths; unused slots cost little, missing ones leave RAM unused",
        ),
        Derivation(
            "overcommitted_bytes",
            f"{sizing.recommended_slots} slots offered − {sizing.pessimistic} at the pessimistic "
            f"end, not below 0 = {sizing.overcommitted_bytes // page} pages",
            "what free shows beyond what the pool may hold",
        ),
    ]
    if plan.demand is not None:
        steps.append(
            Derivation(
                "unheld_bytes",
                f"{plan.demand.bytes} bytes wanted − {footprint.memory_of(sizing.pessimistic)} "
                f"held at the pessimistic end, not below 0 = {sizing.unheld_bytes}",
                _demand_source(plan.demand),
            )
        )
    steps += [
        Derivation(
            f"bytes a slot, {_PAID_FOR[cost.charge]}",
            f"{cost.name}: {cost.size} bytes / {cost.slots} slots = "
            f"{float(cost.bytes_per_slot):.6g} on Linux {kernel}",
            cost.source,
        )
        for cost in plan.slot_costs
    ]
    own = footprint.entry_bytes / footprint.slots
    steps.append(
        Derivation(
            "metadata_bytes",
            f"besides, {footprint.system} keeps {footprint.entry_bytes} bytes / {footprint.slots} "
            f"slots = {own:.1f} a slot in use",
            plan.input.name,
        )
    )
    return steps


def _eviction(eviction: Eviction) -> Derivation:
    return Derivation(
        "eviction",
        f"{eviction.threshold_bytes} bytes of threshold − {eviction.kernel_bytes} that the "
        f"kernel holds − {eviction.reserved_bytes} that it keeps free = {eviction.pool_bytes} for "
        "the pool and what is kept of its pages",
        "memory.available is MemTotal − (anon + file − inactive_file): opencontainers/runc#3933; "
        "calculate_totalreserve_pages(), mm/page_alloc.c, 6.12",
    )


_PAID_FOR = {
    Charge.AREA: "used or not",
    Charge.USED: "in use",
    Charge.ENTRY: "in zswap",
    Charge.WRITTEN: "on disk",
}


_CGROUP_SOURCES = {
    LimitFile.MEMORY: "obj_cgroup_charge_zswap(), mm/memcontrol.c, 6.12",
    LimitFile.ZSWAP: "obj_cgroup_may_zswap(), mm/memcontrol.c, 6.12",
    LimitFile.SWAP: "__mem_cgroup_try_charge_swap(), mm/memcontrol.c, 6.12: a page per slot",
}


def _demand_source(demand: Demand) -> str:
    if demand.source is DemandSource.COUNTED:
        return "all that was counted, and what of it was swapped out already"
    if demand.source is not DemandSource.IDLE:
        return "--demand"
    seconds = format_duration(demand.seconds or 0)
    if demand.tracker == MGLRU:
        return (
            f"anonymous pages unused for {seconds}: lru_gen of debugfs, "
            "lru_gen_seq_show(), mm/vmscan.c, 6.12"
        )
    return f"what nothing touched for {seconds} by {demand.tracker}, its error at 95 % added"


def _limit_source(system: System) -> str:
    if SYSTEMS[system].pool is Pool.ZRAM:
        return "zram has no limit of its own: this is a mem_limit to set, by default half of RAM"
    return "zswap_max_pages(), mm/zswap.c, 6.18; MemTotal is totalram_pages()"


def _steady_source(system: System) -> str:
    if SYSTEMS[system].pool is Pool.ZRAM:
        return "zram takes pages up to its limit at any time"
    return (
        "accept_threshold_percent: zswap_check_limits(), mm/zswap.c, 6.18; where the pool stays "
        "that was full once"
    )


def document(plans: list[Plan], request: PlanRequest) -> dict[str, Any]:
    """Plans for one or several machines, from one input, as one JSON document."""
    planned_from, demand = plans[0].input, plans[0].demand
    return {
        "schema": SCHEMA,
        "answer": asdict(plans[0].answer),
        "kernel": str(request.kernel),
        "page_size": planned_from.page_size,
        "basis": {
            "name": planned_from.name,
            "kernel": str(planned_from.rules.version),
            "partial": False,  # of a part there is no plan
            "left_out_zero_pages": planned_from.left_out_pages,
            "notes": list(planned_from.notes),
        },
        "system": str(request.system),
        "algorithm": planned_from.algorithm,
        "margin": plans[0].sizing.margin,
        "demand_bytes": None if demand is None else demand.bytes,
        "demand_source": str(DemandSource.CAPACITY if demand is None else demand.source),
        "demand_tracker": None if demand is None else demand.tracker,
        "slot_costs": [
            {
                "name": cost.name,
                "bytes_per_slot": float(cost.bytes_per_slot),
                "charge": str(cost.charge),
                "source": cost.source,
            }
            for cost in plans[0].slot_costs
        ],
        "plans": [_plan(each) for each in plans],
    }


def _eviction_of(eviction: Eviction | None) -> dict[str, int] | None:
    if eviction is None:
        return None
    return asdict(eviction) | {"pool_bytes": eviction.pool_bytes}


def _plan(plan: Plan) -> dict[str, Any]:
    limit = plan.sizing.limit
    return {
        "answer": asdict(plan.answer),
        "ram_bytes": limit.ram_bytes,
        "max_pool_percent": limit.percent,
        "accept_threshold_percent": limit.accept_percent,
        "pool_limit_bytes": plan.sizing.limit_bytes,
        "cgroup": asdict(limit.group) if limit.group else None,
        "eviction": _eviction_of(plan.eviction),
        **as_json(SIZING, plan.sizing),
        "alternatives": [as_json(SIZING, other) for other in plan.others],
        "too_large": [asdict(each) | {"kernel": str(each.kernel)} for each in plan.too_large],
        "too_small": [asdict(each) for each in plan.too_small],
        "designs": [as_json(DESIGN, cost) for cost in plan.designs],
        "explain": [asdict(step) for step in derivations(plan)],
    }
