"""From what the systems make of some pages to the plan for one machine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ghostswap.errors import GhostswapError
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.slots import Cost, Design, costs
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zsmalloc import HANDLE_BYTES
from ghostswap.kernel.zswap import has_accept_threshold
from ghostswap.plan.demand import Demand, DemandSource
from ghostswap.plan.designs import (
    DesignCost,
    TooLarge,
    TooSmall,
    design_costs,
    too_large,
    too_small,
)
from ghostswap.plan.enough import ZeroPages, check_range
from ghostswap.plan.eviction import Eviction
from ghostswap.plan.sizing import PoolLimit, Sizing, error_of, size_up
from ghostswap.systems.comparison import Comparison
from ghostswap.systems.footprint import Footprint, System
from ghostswap.systems.ksm import zswap_behind_ksm
from ghostswap.systems.table import SYSTEMS, Pool

_MARGIN_OF_A_GUESS = 0.1  # of a ratio that somebody states
_STATED_PAGES = 1_000_000  # so many that a ratio keeps six digits


@dataclass(frozen=True, slots=True)
class PlanInput:
    """What a plan is made from: the footprints under one algorithm, and whose rules they follow.

    That of KSM is of zswap behind it: pages are planned for once they are swapped out.
    """

    name: str
    rules: Rules
    page_size: int
    algorithm: str | None
    footprints: Mapping[System, Footprint]
    demand: Demand | None = None  # that the estimate itself tells
    margin: float = 0.0  # by which its pages may be off, unless somebody states another
    left_out_pages: int = 0  # zero pages of dumps that are not in the footprints
    notes: tuple[str, ...] = ()  # sentences on how it was measured

    @classmethod
    def of_comparison(
        cls,
        comparison: Comparison,
        name: str,
        algorithm: str | None,
        zero_pages: ZeroPages | None = None,
    ) -> "PlanInput":
        """From the footprints of `algorithm`, by default the first one; GhostswapError, at `name`,
        where there are none. Zero pages of dumps are left out unless `zero_pages` includes them."""
        left_out = 0
        if zero_pages is not ZeroPages.INCLUDE:
            left_out = comparison.coverage.dump_zero_pages
        if comparison.total_pages <= left_out:
            pages = "pages but zeros" if left_out else "pages"
            raise GhostswapError(name, f"an estimate of no {pages}: nothing to size by")
        if left_out:
            comparison = comparison.without_dump_zeros()
        known = list(dict.fromkeys(each.name for each in comparison.footprints))
        names = [each for each in known if each is not None]
        if not names:
            raise GhostswapError(name, "an estimate without compressed sizes")
        if algorithm is None:
            algorithm = names[0]
        elif algorithm not in names:
            others = ", ".join(names)
            raise GhostswapError(
                name, f"nothing in it was compressed by {algorithm}, but by {others}"
            )
        compared = comparison.of(algorithm)
        taking = {
            system: footprint
            for system, footprint in compared.items()
            if SYSTEMS[system].compresses and footprint.taken_pages > 0
        }
        if not taking:
            raise GhostswapError(name, f"every page is refused under {algorithm}: nothing to size")
        if {System.ZSWAP, System.ZSWAP_DEDUP} <= taking.keys() and System.KSM in compared:
            taking[System.KSM] = zswap_behind_ksm(
                compared[System.KSM], taking[System.ZSWAP], taking[System.ZSWAP_DEDUP]
            )
        rules, page_size = comparison.rules, comparison.page_size
        counted = comparison.total_pages + comparison.coverage.swapped_pages
        demand = Demand(counted * page_size, DemandSource.COUNTED)
        if (idle := comparison.idle) is not None:
            most = idle.most_pages * page_size
            demand = Demand(most, DemandSource.IDLE, idle.seconds, idle.tracker)
        return cls(name, rules, page_size, algorithm, taking, demand, left_out_pages=left_out)

    @classmethod
    def of_ratio(
        cls,
        ratio: float,
        page_size: int,
        rules: Rules,
        name: str | None = None,
        algorithm: str | None = None,
    ) -> "PlanInput":
        """From a ratio of memory to the pool that holds it compressed, by `algorithm` if that is
        known: one that is stated, or `name` says whose it is.

        Every page is taken to need an entry: how many are zero is not known.
        """
        pages = _STATED_PAGES
        pool_bytes = max(1, round(pages * page_size / ratio))

        def footprint(system: System, entry_bytes: int, lookup_bytes: int) -> Footprint:
            return Footprint(
                system,
                algorithm,
                page_size,
                total_pages=pages,
                pages_stored=pages,
                same_pages=0,
                huge_pages=0,
                refused_pages=0,
                compressed_bytes=pool_bytes,
                pool_bytes=pool_bytes,
                slack_bytes=0,
                entry_bytes=pages * entry_bytes,
                lookup_bytes=lookup_bytes,
            )

        zswap = footprint(
            System.ZSWAP, rules.zswap_entry_bytes + HANDLE_BYTES, rules.zswap_lookup_bytes(pages)
        )
        zram = footprint(System.ZRAM, HANDLE_BYTES, pages * rules.zram_entry_bytes)
        stated = {System.ZSWAP: zswap, System.ZRAM: zram}
        name = name or f"a stated ratio of {ratio:g}"
        return cls(name, rules, page_size, algorithm, stated, margin=_MARGIN_OF_A_GUESS)

    def footprint(self, system: System) -> Footprint:
        """That of `system`; GhostswapError where there is none."""
        if system not in self.footprints:
            known = ", ".join(self.footprints)
            raise GhostswapError(self.name, f"says nothing of {system}; it has {known}")
        return self.footprints[system]


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is to be planned: a system, on a kernel, and perhaps with a margin and for a demand
    other than those of what it is planned from; `fill` takes no demand: the pool may fill.
    `design` is by default that which holds the system's slots today; `eviction` is the signal of
    kubelet that is to fire all the same."""

    system: System
    kernel: KernelVersion
    margin: float | None = None
    demand: Demand | None = None
    fill: bool = False
    design: Design | None = None
    eviction: Eviction | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Make the area `size_bytes` large, since `demand_bytes` of memory would be swapped at `ratio`
    (None: they take no pool); `limited_by` is "demand", "pool", "eviction" or a file of a control
    group."""

    size_bytes: int
    system: System
    algorithm: str | None
    design: Design
    demand_bytes: int
    demand_source: DemandSource
    ratio: float | None
    limited_by: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer for one machine. `others` are the sizes under the systems not asked for."""

    input: PlanInput
    kernel: KernelVersion
    demand: Demand | None
    sizing: Sizing
    others: tuple[Sizing, ...]
    too_large: tuple[TooLarge, ...]
    too_small: tuple[TooSmall, ...]
    designs: tuple[DesignCost, ...]
    design: Design
    eviction: Eviction | None = None

    @property
    def answer(self) -> "Answer":
        """The plan in short."""
        footprint, sizing = self.sizing.footprint, self.sizing
        return Answer(
            sizing.recommended_bytes,
            footprint.system,
            footprint.algorithm,
            self.design,
            sizing.memory_of(sizing.used) if self.demand is None else self.demand.bytes,
            DemandSource.CAPACITY if self.demand is None else self.demand.source,
            footprint.ratio,
            sizing.limited_by,
        )

    @property
    def slot_costs(self) -> tuple[Cost, ...]:
        """What the planned area keeps for its slots on this kernel."""
        footprint, entry = self.sizing.footprint, self.input.rules.zram_entry_bytes
        return costs(self.design, self.kernel, footprint.page_size, entry)


def plan(input: PlanInput, limit: PoolLimit, request: PlanRequest) -> Plan:
    """The plan for one machine; GhostswapError where the input lacks the system asked for, or tells
    too little."""
    demand = None if request.fill else request.demand or input.demand
    margin = input.margin if request.margin is None else request.margin
    demand_bytes = None if demand is None else demand.bytes
    kernel, entry_bytes = request.kernel, input.rules.zram_entry_bytes

    def sized(system: System) -> Sizing:
        in_zram = SYSTEMS[system].pool is Pool.ZRAM
        own = limit.of_zram() if in_zram else limit
        if not has_accept_threshold(request.kernel):
            own = replace(own, accept_percent=100)
        on_disk = request.design is Design.SWAPFILE and not in_zram
        footprint, most_slots = input.footprint(system), None
        if request.eviction is not None:
            design = Design.SWAPFILE if on_disk else SYSTEMS[system].design
            parts = costs(design, kernel, footprint.page_size, entry_bytes)
            most_slots = request.eviction.slots(footprint, error_of(footprint, margin), parts)
        return size_up(footprint, own, margin, demand_bytes, on_disk=on_disk, most_slots=most_slots)

    sizing = sized(request.system)
    if sizing.expected == 0 and limit.group is not None:
        raise GhostswapError(limit.group.path, _nothing(sizing))
    if request.eviction is not None and not sizing.recommended_bytes:
        raise GhostswapError("--eviction", request.eviction.why_not())
    check_range(input.name, sizing, margin_stated=request.margin is not None)
    return Plan(
        input,
        kernel,
        demand,
        sizing,
        tuple(sized(system) for system in input.footprints if system is not request.system),
        tuple(too_large(sizing, kernel, entry_bytes)),
        tuple(too_small(sizing)),
        tuple(design_costs(sizing, input.footprints, kernel, entry_bytes)),
        request.design or SYSTEMS[request.system].design,
        request.eviction,
    )


def _nothing(sizing: Sizing) -> str:
    """Why a control group swaps nothing out."""
    limits = sizing.limit.group.limits if sizing.limit.group else ()
    for limit in limits:
        if limit.file == sizing.limited_by:
            return f"swaps nothing out: {limit.file} of {limit.group} is {limit.bytes}"
    return "swaps nothing out: the pool holds no page"
