"""The result of a plan: its figures together, how each came about, and as a JSON document."""

from dataclasses import asdict, dataclass
from typing import Any

from ghostswap.kernel.slots import Charge, Cost, costs
from ghostswap.kernel.version import KernelVersion
from ghostswap.plan.sizing import (
    Bill,
    Room,
    Sizing,
    TooLarge,
    TooSmall,
    bills,
    design_of,
    size_up,
    too_large,
    too_small,
)
from ghostswap.report.measures import Basis
from ghostswap.systems.footprint import System
from ghostswap.units import format_size

SCHEMA = "ghostswap.plan/1"


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a figure came about: its name, as in the JSON, the calculation, and who says so."""

    figure: str
    calculation: str
    source: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a basis: a system, on a kernel, with a margin and perhaps a demand."""

    system: System
    kernel: KernelVersion
    margin: float
    demand_bytes: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer for one machine. `others` are the sizes under the systems not chosen."""

    basis: Basis
    kernel: KernelVersion
    sizing: Sizing
    others: tuple[Sizing, ...]
    too_large: tuple[TooLarge, ...]
    too_small: tuple[TooSmall, ...]
    designs: tuple[Bill, ...]

    @property
    def slot_costs(self) -> tuple[Cost, ...]:
        """What the planned area keeps for its slots on this kernel."""
        measure, entry = self.sizing.measure, self.basis.rules.zram_entry_bytes
        return costs(design_of(measure.system), self.kernel, measure.page_size, entry)


def plan(basis: Basis, room: Room, question: Question) -> Plan:
    """The plan for one machine; GhostswapError where the basis lacks the system asked for."""

    def sized(system: System) -> Sizing:
        measure = basis.measure(system)
        return size_up(measure, room, question.margin, question.demand_bytes)

    sizing = sized(question.system)
    zswap, zram = basis.beside(question.system)
    kernel, entry_bytes = question.kernel, basis.rules.zram_entry_bytes
    return Plan(
        basis,
        kernel,
        sizing,
        tuple(sized(system) for system in basis.measures if system is not question.system),
        tuple(too_large(sizing, kernel, entry_bytes)),
        tuple(too_small(sizing)),
        tuple(bills(sizing, zswap, zram, kernel, entry_bytes)),
    )


def derivations(found: Plan) -> list[Derivation]:
    """Every figure of the size, in the order in which one follows from another."""
    sizing, kernel = found.sizing, found.kernel
    measure = sizing.measure
    page = measure.page_size
    each = measure.pool_bytes / measure.slots
    pages = sizing.room.ram_bytes // page
    steps = [
        Derivation(
            "pool_limit_bytes",
            f"{pages} pages of RAM × {sizing.room.percent} % = {sizing.limit_bytes // page} pages "
            f"= {sizing.limit_bytes} bytes",
            _limit_source(measure.system),
        ),
        Derivation(
            "pool_bytes_per_slot",
            f"{measure.pool_bytes} bytes of pool / {measure.slots} slots = {each:.1f} bytes, "
            f"{measure.slots - measure.entries} of them zero pages that take no pool",
            found.basis.name,
        ),
        Derivation(
            "capacity.expected",
            f"{sizing.limit_bytes} / {each:.1f} = {sizing.expected} slots",
            "computed",
        ),
        Derivation(
            "capacity.pessimistic",
            f"{sizing.limit_bytes} / ({each:.1f} × {1 + sizing.error:.4f}) = "
            f"{sizing.pessimistic} slots",
            f"error {measure.error:g} of the measure, margin {sizing.margin:g}",
        ),
        Derivation(
            "capacity.optimistic",
            f"{sizing.limit_bytes} / ({each:.1f} × {1 - sizing.error:.4f} × "
            f"{1 - measure.slack:.4f}) = {sizing.optimistic} slots",
            f"the same; up to {measure.slack_bytes} bytes of the pool are zspages not full yet",
        ),
        Derivation(
            "size.pages",
            f"{sizing.used} slots + 1 page of header = {sizing.exact_pages} pages",
            "read_swap_header(), mm/swapfile.c, 6.18: slot 0 is the header",
        ),
        Derivation(
            "recommended.bytes",
            f"the optimistic end ({sizing.optimistic} slots), no more than the demand, rounded up "
            f"to {sizing.recommended_bytes} bytes ({format_size(sizing.recommended_bytes)})",
            "a power of two in eighths; unused slots cost little, missing ones leave RAM unused",
        ),
        Derivation(
            "overcommitted_bytes",
            f"{sizing.recommended_slots} slots offered − {sizing.pessimistic} at the pessimistic "
            f"end, not below 0 = {sizing.overcommitted_bytes // page} pages",
            "what free shows beyond what the pool may hold",
        ),
    ]
    if sizing.demand_bytes is not None:
        steps.append(
            Derivation(
                "unheld_bytes",
                f"{sizing.demand_bytes} bytes wanted − {measure.memory_of(sizing.pessimistic)} "
                f"held at the pessimistic end, not below 0 = {sizing.unheld_bytes}",
                "--demand",
            )
        )
    steps += [
        Derivation(
            f"bytes a slot, {_PAID_FOR[cost.charge]}",
            f"{cost.name}: {cost.size} bytes / {cost.slots} slots = "
            f"{float(cost.bytes_per_slot):.6g} on Linux {kernel}",
            cost.source,
        )
        for cost in found.slot_costs
    ]
    own = measure.metadata_bytes / measure.slots
    steps.append(
        Derivation(
            "metadata_bytes",
            f"besides, {measure.system} keeps {measure.metadata_bytes} bytes / {measure.slots} "
            f"slots = {own:.1f} a slot in use",
            found.basis.name,
        )
    )
    return steps


_PAID_FOR = {
    Charge.AREA: "used or not",
    Charge.USED: "in use",
    Charge.ENTRY: "in zswap",
    Charge.WRITTEN: "on disk",
}


def _limit_source(system: System) -> str:
    if system in (System.ZRAM, System.ZRAM_DEDUP):
        return "zram has no limit of its own: this is a mem_limit to set"
    return "zswap_max_pages(), mm/zswap.c, 6.18; MemTotal is totalram_pages()"


def document(plans: list[Plan], question: Question) -> dict[str, Any]:
    """Plans for one or several machines, from one basis, as one JSON document."""
    basis = plans[0].basis
    return {
        "schema": SCHEMA,
        "kernel": str(question.kernel),
        "page_size": basis.page_size,
        "basis": {"name": basis.name, "kernel": str(basis.rules.version), "partial": basis.partial},
        "system": str(question.system),
        "algorithm": basis.algorithm,
        "margin": question.margin,
        "demand_bytes": question.demand_bytes,
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


def _plan(found: Plan) -> dict[str, Any]:
    room = found.sizing.room
    return {
        "ram_bytes": room.ram_bytes,
        "max_pool_percent": room.percent,
        "pool_limit_bytes": found.sizing.limit_bytes,
        **_sizing(found.sizing),
        "alternatives": [_sizing(other) for other in found.others],
        "too_large": [asdict(each) | {"kernel": str(each.kernel)} for each in found.too_large],
        "too_small": [asdict(each) for each in found.too_small],
        "designs": [
            asdict(bill) | {"design": str(bill.design), "ram_bytes": bill.ram_bytes}
            for bill in found.designs
        ],
        "explain": [asdict(step) for step in derivations(found)],
    }


def _sizing(sizing: Sizing) -> dict[str, Any]:
    measure = sizing.measure
    return {
        "system": str(measure.system),
        "ratio": measure.ratio,
        "relative_error": sizing.error,
        "pool_bytes_per_slot": measure.pool_bytes / measure.slots,
        "slack_bytes": measure.slack_bytes,
        "refused_pages": measure.refused_pages,
        "capacity": {
            name: {"slots": slots, "memory_bytes": measure.memory_of(slots)}
            for name, slots in (
                ("pessimistic", sizing.pessimistic),
                ("expected", sizing.expected),
                ("optimistic", sizing.optimistic),
            )
        },
        "used_slots": sizing.used,
        "size": {
            "pages": sizing.exact_pages,
            "bytes": sizing.exact_pages * measure.page_size,
        },
        "recommended": {
            "pages": sizing.recommended_pages,
            "bytes": sizing.recommended_bytes,
            "mib": sizing.recommended_mib,
        },
        "overcommitted_bytes": sizing.overcommitted_bytes,
        "unheld_bytes": sizing.unheld_bytes,
    }
