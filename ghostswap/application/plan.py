"""A plan: from an estimate, saved or made now, or a stated ratio, to the size of a swap area."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ghostswap.application.sources import Sources
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.host.cgroups import read_limits
from ghostswap.host.files import HostFiles
from ghostswap.host.kernel import page_size, page_size_or_own
from ghostswap.host.lru_gen import read_lru_gen
from ghostswap.host.memory import (
    host_page_size,
    read_kernel_memory,
    read_memory,
    read_vmstat,
)
from ghostswap.host.processes import group_path
from ghostswap.host.zones import read_reserves
from ghostswap.host.zram import read_zram
from ghostswap.host.zswap import read_zswap
from ghostswap.kernel.algorithm import Algorithm
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.zswap import DEFAULT_ACCEPT_PERCENT, DEFAULT_POOL_PERCENT
from ghostswap.plan.answer import Plan, PlanInput, PlanRequest, plan
from ghostswap.plan.demand import MGLRU, Demand, DemandSource
from ghostswap.plan.enough import ZeroPages, check_pages
from ghostswap.plan.eviction import Eviction, Threshold
from ghostswap.plan.sizing import DEFAULT_ZRAM_PERCENT, PoolLimit
from ghostswap.report.comparison import looks_like_json, parse_estimate, read
from ghostswap.report.estimate import Estimate
from ghostswap.report.saved import check, read_file, read_stream
from ghostswap.systems.footprint import System
from ghostswap.units import format_duration, format_size, listed

UNUSED_SECONDS = 120.0  # "cold" of what is published on far memory (Lagar-Cavilla et al., 2019)
STANDARD_INPUT = Path("-")
_HERE = Path("/")
_LEAST_STORED = 64 << 20  # bytes in zswap or zram: so many pages that its ratio says something


def plan_swap(
    estimate: Estimate,
    *,
    system: System = System.ZSWAP,
    algorithm: str | None = None,
    ram_bytes: int | None = None,
    max_pool_percent: int | None = None,
    demand_bytes: int | None = None,
    margin: float | None = None,
    zero_pages: ZeroPages | None = None,
    cgroup: str | None = None,
) -> Plan:
    """How large a swap area should be for such pages, held by `system`, on the kernel whose rules
    the estimate follows.

    `algorithm` is by default the estimate's first. RAM and the share of it that the pool may take
    are this machine's. `demand_bytes` is the memory that will be swapped out, where it is known; of
    an estimate of idle pages, by default as much as may be idle. Pages of another day may be off by
    `margin` (0.1 for 10 %). Zero pages of dumps are left out unless `zero_pages` includes them.
    With `cgroup`, the path of a control group, it is for memory under the limits of that group.
    Raises GhostswapError where the estimate does not tell.
    """
    planned_from = input_of_estimate(
        estimate, algorithm, zero_pages, margin_stated=margin is not None
    )
    machines = () if ram_bytes is None else (ram_bytes,)
    (limit,) = pool_limits(_HERE, machines, max_pool_percent, cgroup)
    demand = None if demand_bytes is None else Demand(demand_bytes, DemandSource.GIVEN)
    request = PlanRequest(system, planned_from.rules.version, margin, demand)
    return plan(planned_from, limit, request)


def unused_memory(root: Path, seconds: float = UNUSED_SECONDS) -> Demand:
    """The anonymous memory of all control groups that nothing has used for `seconds`, by the
    generations of the kernel's LRU; GhostswapError where the host below `root` shows none."""
    groups = read_lru_gen(HostFiles(root))
    if groups is None:
        raise GhostswapError(
            "--demand idle",
            "this host shows no ages of memory: that takes MGLRU (/sys/kernel/mm/lru_gen/enabled), "
            "debugfs and root; --idle DURATION watches pages instead",
        )
    unused = sum(group.unused_pages(seconds * 1000) for group in groups)
    if not unused:
        raise GhostswapError(
            "--demand idle", f"no memory was unused for {format_duration(seconds)}: nothing to size"
        )
    return Demand(unused * page_size(), DemandSource.IDLE, seconds, MGLRU)


def eviction_signal(root: Path, threshold: Threshold) -> Eviction:
    """What kubelet on the host below `root` takes for available, though no pod can have it;
    GhostswapError where the host does not tell."""
    host = HostFiles(root)
    memory, kernel, reserves = read_memory(host), read_kernel_memory(host), read_reserves(host)
    if memory.mem_total is None or kernel is None or reserves is None:
        raise GhostswapError(
            "--eviction", "takes what /proc/meminfo and /proc/zoneinfo say of this machine"
        )
    page = host_page_size(host, memory, read_vmstat(host))
    # As much of its own memory as the kernel itself takes for available: si_mem_available().
    shrinks = kernel.reclaimable - min(kernel.reclaimable // 2, reserves.low * page)
    pools = (memory.zswap or 0) + sum(
        each.mm_stat.mem_used_total for each in read_zram(host) if each.mm_stat
    )
    held = max(0, kernel.held - shrinks - pools)
    return Eviction(threshold.of(memory.mem_total), held, reserves.reserved * page)


def pool_limits(
    root: Path,
    ram_bytes: Sequence[int] = (),
    max_pool_percent: int | None = None,
    cgroup: str | None = None,
) -> list[PoolLimit]:
    """The machines with so much RAM, whose pools may take so many percent of it, for memory of the
    control group at `cgroup`, if any; what is not said is read from the host below `root`."""
    host = HostFiles(root)
    host.check()
    memory = read_memory(host)
    zswap = read_zswap(host, memory, {}, page_size())
    percent, accept = max_pool_percent, None
    of_zram = DEFAULT_ZRAM_PERCENT if max_pool_percent is None else max_pool_percent
    if zswap is not None:
        accept = zswap.parameters.accept_threshold_percent
        percent = zswap.parameters.max_pool_percent if percent is None else percent
    if percent is None:
        percent = DEFAULT_POOL_PERCENT
    # The kernel takes any number; above 100 it means the same.
    accept = DEFAULT_ACCEPT_PERCENT if accept is None else min(accept, 100)
    if not 1 <= percent <= 100:
        raise UsageError("--max-pool-percent", f"{percent} is not from 1 to 100")
    if not ram_bytes and not memory.mem_total:
        raise GhostswapError(root / "proc/meminfo", "says no MemTotal; give --ram SIZE")
    group = None if cgroup is None else read_limits(host, group_path(cgroup))
    machines = ram_bytes or (memory.mem_total or 0,)
    return [PoolLimit(each, percent, accept, group, of_zram) for each in machines]


def report_among(sources: Sources) -> tuple[bytes, str] | None:
    """The text and name of the one saved estimate among `sources`; None where there is none."""
    reports = [path for path in sources.files if not sources.raw and _is_report(path)]
    if not reports:
        return None
    if len(sources.files) > 1 or sources.live:
        raise UsageError(str(reports[0]), "an estimate stands alone; give it or sources, not both")
    (path,) = reports
    if path == STANDARD_INPUT:
        return _piped(), "standard input"
    return read_file(path), str(path)


def _is_report(path: Path) -> bool:
    if path == STANDARD_INPUT or path.suffix == ".json":
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return looks_like_json(file.read(4096))


def _piped() -> bytes:
    """The estimate on standard input; what begins otherwise is not read to its end."""
    begin = sys.stdin.buffer.read(4096)
    if not looks_like_json(begin):
        raise GhostswapError(
            "standard input", "no estimate: pipe pages through 'ghostswap estimate-dedup --json -'"
        )
    return read_stream(sys.stdin.buffer, "standard input", begin)


def input_of_report(
    report: tuple[bytes, str],
    algorithm: str | None,
    zero_pages: ZeroPages | None,
    *,
    margin_stated: bool,
) -> PlanInput:
    """What to plan from, of the text and name of a saved estimate; GhostswapError where it tells
    too little."""
    text, name = report
    document = parse_estimate(text, name)
    check(document, name)
    comparison = read(document, name)
    check_pages(comparison, name, zero_pages, margin_stated=margin_stated)
    return PlanInput.of_comparison(comparison, name, algorithm, zero_pages)


def input_of_ratio(
    ratio: float, algorithm: str | None, system: System, page_size: int | None, rules: Rules
) -> PlanInput:
    """What to plan from, of a ratio of memory to the pool that holds it, compressed by `algorithm`
    where that is stated too."""
    if system not in (System.ZSWAP, System.ZRAM):
        raise UsageError("--ratio", f"says nothing of {system}; an estimate does")
    if algorithm is not None:
        try:
            Algorithm.parse(algorithm)
        except ValueError as error:
            raise UsageError("--algorithm", str(error)) from error
    return PlanInput.of_ratio(ratio, page_size_or_own(page_size), rules, algorithm=algorithm)


def input_of_live(root: Path, system: System, rules: Rules, *, margin_stated: bool) -> PlanInput:
    """What to plan from, of the ratio that zswap or zram has now on the host below `root`; no page
    is read. GhostswapError where it holds too little to tell, UsageError for other systems."""
    if system not in (System.ZSWAP, System.ZRAM):
        raise UsageError("--live", f"no kernel says it of {system}; an estimate does")
    host, page = HostFiles(root), page_size()
    host.check()
    if system is System.ZRAM:
        devices = [each for each in read_zram(host) if each.mm_stat is not None]
        stored = sum(each.kept for each in devices)
        pool = sum(each.mm_stat.mem_used_total for each in devices if each.mm_stat)
        names = {each.algorithm for each in devices if each.kept}
    else:
        zswap = read_zswap(host, read_memory(host), {}, page)
        stored, pool = (zswap.stored or 0, zswap.pool or 0) if zswap else (0, 0)
        names = {zswap.parameters.compressor} if zswap else set()
    if not pool or (stored < _LEAST_STORED and not margin_stated):
        raise GhostswapError(
            "--live",
            f"{system} holds {format_size(stored)} here, too little to tell its ratio by; measure "
            "pages, or say --ratio X",
        )
    algorithm = names.pop() if len(names) == 1 else None
    name = f"the {format_size(stored)} that {system} holds here now"
    return PlanInput.of_ratio(stored / pool, page, rules, name, algorithm)


def input_of_estimate(
    estimate: Estimate,
    algorithm: str | None,
    zero_pages: ZeroPages | None,
    *,
    margin_stated: bool,
) -> PlanInput:
    """What to plan from, of an estimate made now; under its first algorithm by default.
    GhostswapError where it tells too little."""
    name = listed([source.facts.name for source in estimate.census.sources])
    check_pages(estimate.comparison, name, zero_pages, margin_stated=margin_stated)
    return PlanInput.of_comparison(estimate.comparison, name, algorithm, zero_pages)
