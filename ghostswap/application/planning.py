"""What a plan is asked for, as plain data, and each step from there to what it is made of."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ghostswap.application.algorithm import HostAlgorithm, algorithm_of_host
from ghostswap.application.estimate import estimate
from ghostswap.application.measure import NOBODY, Listener, saved_censuses
from ghostswap.application.method import DEFAULT_ERROR, Idle, Method
from ghostswap.application.plan import (
    eviction_signal,
    input_of_estimate,
    input_of_live,
    input_of_ratio,
    input_of_report,
    pool_limits,
    report_among,
    unused_memory,
)
from ghostswap.application.sources import Sources
from ghostswap.census.table import Census
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.slots import Design
from ghostswap.plan.answer import Plan, PlanInput, PlanRequest
from ghostswap.plan.demand import AskedDemand, Demand, DemandSource
from ghostswap.plan.enough import ZeroPages, without_zeros
from ghostswap.plan.eviction import Eviction, Threshold
from ghostswap.plan.sizing import PoolLimit
from ghostswap.report.form import Form
from ghostswap.signals import waits
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS

SLACK_WORTH_SAYING = 0.05  # of the pool


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is planned for, from what, as `ghostswap plan` has it.

    The ratio is stated, or taken `live` from the host below `root`, or that of `sources`: a saved
    estimate, or pages that are measured by `algorithm` (None: the host's, or the first of an
    estimate), a sample of them where it is `quick`, the `idle` ones only where that is given.
    `margin` is by how much they may be off (0.1 for 10 %). Machines have `ram_bytes`, or are the
    host; of one control group among the sources its limits count. `eviction` is the threshold of
    kubelet whose signal is to fire all the same. With `own_slots`, slots are of the kernel whose
    rules are given, else of that whose rules the pages follow.
    """

    sources: Sources
    system: System = System.ZSWAP
    design: Design | None = None
    ratio: float | None = None
    live: bool = False
    margin: float | None = None
    zero_pages: ZeroPages | None = None
    algorithm: str | None = None
    page_size: int | None = None
    quick: bool = False
    idle: Idle | None = None
    demand: AskedDemand | None = None
    ram_bytes: tuple[int, ...] = ()
    max_pool_percent: int | None = None
    eviction: Threshold | None = None
    own_slots: bool = False
    root: Path = Path("/")

    def check(self) -> None:
        """UsageError where options contradict each other."""
        no_pages = self.live or self.ratio is not None
        if self.live and self.ratio is not None:
            raise UsageError("--live", "takes the ratio of this host: goes without --ratio")
        if self.live and self.algorithm is not None:
            raise UsageError("--live", "takes the algorithm of this host: goes without --algorithm")
        pages = self.besides_groups if no_pages else self.sources
        if bool(pages.files or pages.live) == no_pages:
            raise UsageError(
                "plan", "give an estimate, sources, --live, or --ratio X: one of these"
            )
        if self.zero_pages is not None and no_pages:
            raise UsageError("--zero-pages", "needs dumps: a ratio has none")
        if self.quick and no_pages:
            raise UsageError("--quick", "needs pages to take a sample of")
        if self.demand is not None and self.demand.bytes == 0:
            raise UsageError("--demand", "nothing to swap out needs no swap")
        if self.idle is not None and (no_pages or self.quick):
            option = "--live" if self.live else "--quick" if self.ratio is None else "--ratio"
            raise UsageError("--idle", f"measures a sample of pages: goes without {option}")
        if self.idle is not None and self.demands(DemandSource.IDLE):
            raise UsageError("--idle", "measures how much is idle: goes without --demand idle")
        if self.eviction is not None and self.ram_bytes:
            raise UsageError("--eviction", "takes what this machine's kernel holds: without --ram")
        of_zram = SYSTEMS[self.system].design is Design.ZRAM
        if self.design is not None and of_zram != (self.design is Design.ZRAM):
            named = "swapfile" if self.design is Design.SWAPFILE else self.design
            raise UsageError("--design", f"{named} does not hold the slots of {self.system}")

    def demands(self, source: DemandSource) -> bool:
        """Whether the demand is asked for from this source."""
        return self.demand is not None and self.demand.source is source

    @property
    def besides_groups(self) -> Sources:
        """The sources except control groups: of those beside an estimate or a ratio, the limits are
        meant and not the pages."""
        return replace(self.sources, processes=replace(self.sources.processes, cgroups=()))

    @property
    def margin_stated(self) -> bool:
        """Whether somebody vouches for pages that tell little."""
        return self.margin is not None


def system_asked(system: System | None, design: Design | None, form: Form | None) -> System:
    """The system to plan for: zram where its design is asked for, or lines for its generator."""
    for_zram = form is Form.ZRAM_GENERATOR or design is Design.ZRAM
    return system or (System.ZRAM if for_zram else System.ZSWAP)


def limits_asked(options: PlanOptions, warn: Callable[[str], None]) -> list[PoolLimit]:
    """The limits of each machine's pool; `warn` is told of control groups that set none."""
    groups = options.sources.processes.cgroups
    group = groups[0] if len(groups) == 1 else None
    limits = pool_limits(options.root, options.ram_bytes, options.max_pool_percent, group)
    if group is not None and limits[0].group is None:
        warn(f"{group}: no control group of version 2 here, so its limits are not known")
    if len(groups) > 1:
        warn("limits of several control groups do not add up: sized as if they had none")
    return limits


def demand_asked(options: PlanOptions) -> Demand | None:
    """The memory to swap out, where it is given or the host tells it; None where the pages do."""
    if options.demands(DemandSource.IDLE):
        return unused_memory(options.root)
    if options.demand is None or options.demand.bytes is None:
        return None
    return Demand(options.demand.bytes, DemandSource.GIVEN)


def eviction_asked(options: PlanOptions) -> Eviction | None:
    """The signal of kubelet that is to fire; GhostswapError where no swap lets it."""
    if options.eviction is None:
        return None
    eviction = eviction_signal(options.root, options.eviction)
    if eviction.pool_bytes <= 0:
        raise GhostswapError("--eviction", eviction.why_not())
    return eviction


def method_asked(options: PlanOptions, own: HostAlgorithm | None) -> Method:
    """How pages are measured for a plan, by the host's `own` algorithm where none is named: what is
    slow by a sample, unless --idle takes one already."""
    algorithm = options.algorithm if own is None else own.name
    sampled = options.quick or (own is not None and own.slow and options.idle is None)
    return Method(
        [algorithm] if algorithm else [],
        options.page_size,
        error=DEFAULT_ERROR if sampled else None,
        idle=options.idle,
    )


def input_asked(
    options: PlanOptions, rules: Rules, listener: Listener = NOBODY
) -> tuple[PlanInput, Census | None]:
    """What to plan from, and the census where pages were measured for it.

    Raises GhostswapError where it tells too little, UsageError as estimate() does, and
    KeyboardInterrupt where measuring was interrupted: what was read until then tells no size.
    """
    stated = options.margin_stated
    if options.ratio is not None:
        of_ratio = input_of_ratio(
            options.ratio, options.algorithm, options.system, options.page_size, rules
        )
        return of_ratio, None
    if options.live:
        return input_of_live(options.root, options.system, rules, margin_stated=stated), None
    if (report := report_among(options.besides_groups)) is not None:
        if options.idle is not None:
            raise UsageError("--idle", "goes with processes: an estimate is of the pages it is of")
        planned_from = input_of_report(
            report, options.algorithm, options.zero_pages, margin_stated=stated
        )
        return planned_from, None
    own = None
    if options.algorithm is None and not saved_censuses(options.sources):
        own = algorithm_of_host(options.root, options.system)
        if own.replaced:
            listener.warning(own.why)
    measured = estimate(options.sources, method_asked(options, own), rules, listener=listener)
    if measured.comparison.partial or waits():
        raise KeyboardInterrupt
    planned_from = input_of_estimate(measured, None, options.zero_pages, margin_stated=stated)
    notes = () if own is None else (own.why,)
    return replace(planned_from, notes=notes), measured.census


def request_asked(
    options: PlanOptions,
    rules: Rules,
    planned_from: PlanInput,
    demand: Demand | None,
    eviction: Eviction | None = None,
) -> PlanRequest:
    """What is to be planned from that input, for a demand other than its own if any is given."""
    return PlanRequest(
        options.system,
        (rules if options.own_slots else planned_from.rules).version,
        options.margin,
        demand,
        fill=options.demands(DemandSource.CAPACITY),
        design=options.design,
        eviction=eviction,
    )


def cautions(plan: Plan) -> list[str]:
    """What somebody should know who takes the size of `plan`, a line each."""
    name, rules, footprint = plan.input.name, plan.input.rules, plan.sizing.footprint
    lines = []
    if plan.kernel != rules.version:
        lines.append(f"pools as Linux {rules.version} makes them, slots as {plan.kernel}")
    if footprint.slack > SLACK_WORTH_SAYING:
        lines.append(
            f"{name}: so few pages that up to {footprint.slack:.0%} of their pool may be zspages "
            "not full yet: measure more"
        )
    if left_out := plan.input.left_out_pages:
        everything = left_out + footprint.total_pages
        lines.append(f"{name}: {without_zeros(left_out, everything)}")
    if footprint.ratio is not None and footprint.ratio < 1:
        lines.append(f"{footprint.system} takes more RAM for such pages than they free")
    if footprint.refused_pages:
        on_disk = plan.design is Design.SWAPFILE
        lines.append(
            f"{footprint.system} refuses {footprint.refused_pages} of {footprint.total_pages} such "
            f"pages: {'they go to disk' if on_disk else 'with a ghost they stay in RAM'}"
        )
    return lines
