"""An estimate: what every system makes of the pages that were measured, and who holds them."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from ghostswap.application.measure import NOBODY, Listener, Measurement, measure
from ghostswap.application.method import GroupBy, Method
from ghostswap.application.rules import rules_of
from ghostswap.application.sources import Sources
from ghostswap.census import dedup
from ghostswap.census.dedup import Group
from ghostswap.census.distinct import copies_of
from ghostswap.census.idle_share import IdleCensus, IdleGroup, idle_groups
from ghostswap.census.mergeable import offered
from ghostswap.census.population import Copies
from ghostswap.census.table import Census
from ghostswap.errors import UsageError
from ghostswap.host.core_file import no_core_file
from ghostswap.host.files import HostFiles
from ghostswap.host.processes import control_group
from ghostswap.kernel.rules import Rules
from ghostswap.pages.preview import preview
from ghostswap.report.estimate import Estimate, Example, KsmNow
from ghostswap.signals import heeded
from ghostswap.systems.comparison import compare
from ghostswap.systems.ksm import sharing

DEFAULT_METHOD = Method()


@no_core_file()
def estimate(
    sources: Sources,
    method: Method = DEFAULT_METHOD,
    rules: Rules | None = None,
    *,
    group_by: GroupBy | None = None,
    top: int = 0,
    listener: Listener = NOBODY,
) -> Estimate:
    """What zram, zswap, dedup and KSM make of the pages of `sources` on a kernel of these `rules`,
    by default the running one's.

    `top` asks for as many of the most copied contents. Interrupted by a signal, it is partial.
    Raises GhostswapError where a source cannot be read, and UsageError where what is asked for
    contradicts itself.
    """
    if method.idle is not None and group_by in (GroupBy.MAPPING, GroupBy.KIND):
        raise UsageError("--idle", "tells apart by source or by cgroup: --group-by")
    if method.idle is None and group_by is GroupBy.CGROUP:
        raise UsageError("--group-by cgroup", "goes with --idle")
    rules = rules or rules_of()
    measurement = measure(sources, rules, method, listener)
    census, idle = measurement.census, measurement.idle
    groups: list[Group] = []
    groups_of_idle: list[IdleGroup] = []
    examples: list[Example] = []
    compared = compare(census, rules, idle.share if idle else None, method.recompression)
    try:
        with heeded() if group_by is not None or top else nullcontext():
            if idle is None:
                groups = _groups(census, group_by)
            else:
                groups_of_idle = _idle_groups(idle, group_by)
            examples = list(_examples(measurement, top))
    except KeyboardInterrupt:
        compared = replace(compared, partial=True)
    return Estimate(
        census,
        compared,
        tuple(groups),
        tuple(examples),
        idle,
        tuple(groups_of_idle),
        _ksm_now(census) if sources.live and idle is None else None,
    )


def _ksm_now(census: Census) -> KsmNow | None:
    """What KSM of this host does with the processes of a census; None where there is no KSM."""
    run = HostFiles(Path("/")).number("sys/kernel/mm/ksm/run")
    pages = offered(census)
    if run is None or pages is None:
        return None
    copies = Copies(*copies_of(pages.eligible[pages.eligible > 0]))
    return KsmNow(
        run == 1,
        pages.shared_memory,
        pages.not_offered,
        int(pages.eligible.sum()),
        sharing(copies, census.page_size),
    )


def _groups(census: Census, by: GroupBy | None) -> list[Group]:
    measured = census.measured[0]
    match by:
        case GroupBy.SOURCE:
            return dedup.by_source(census, measured)
        case GroupBy.MAPPING:
            return dedup.by_mapping(census, measured)
        case GroupBy.KIND:
            return dedup.by_kind(census, measured)
        case GroupBy.CGROUP | None:
            return []


def _idle_groups(idle: IdleCensus, by: GroupBy | None) -> list[IdleGroup]:
    if by is None:
        return []
    facts = [source.facts for source in idle.idle.sources]
    if by is GroupBy.SOURCE:
        return idle_groups(idle, [each.name for each in facts])
    return idle_groups(idle, [control_group(each.pid or 0) for each in facts])


def _examples(measurement: Measurement, number: int) -> Iterator[Example]:
    census = measurement.census
    for content in dedup.most_copied(census, number):
        source_number, page = content.example
        begins = b""
        if measurement.opened:
            source = measurement.opened[source_number]
            begins = preview(source, page, census.page_size, content.hash, census.seed)
        yield Example(f"{content.hash:016x}", content.copies, content.sources, begins.hex())
