"""A fleet: many censuses, and an engine that counts them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ghostswap.errors import GhostswapError, UsageError
from ghostswap.fleet.engine import Engine, EngineName, Progress, engine
from ghostswap.fleet.inventory import Inventory
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.zswap import DEFAULT_POOL_PERCENT
from ghostswap.plan.enough import ZeroPages, doubtful_zeros, too_many_zeros
from ghostswap.plan.fleet import FleetPlan, HostSizing
from ghostswap.plan.sizing import DEFAULT_ZRAM_PERCENT, PoolLimit, size_up
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS, Pool
from ghostswap.systems.zero_pages import without_zero

if TYPE_CHECKING:
    from ghostswap.fleet.survey import Fleet

MEMORY_BYTES = 1 << 30


@contextmanager
def _silent() -> Iterator[Progress]:
    yield lambda question, done, known: None


@dataclass(frozen=True, slots=True)
class Asked:
    """How a fleet is counted: by which engine, within `memory_bytes`; `master` is Spark's URL.

    `algorithms` are some of those that all files have; none means all. With `skip_bad`, files that
    cannot be used are left out. `pairs` bounds the pairs of hosts.
    """

    algorithms: Sequence[str] = ()
    engine: EngineName = EngineName.DUCKDB
    master: str | None = None
    memory_bytes: int = MEMORY_BYTES
    skip_bad: bool = False
    pairs: int = 10


def fleet(
    inventory: Inventory,
    rules: Rules,
    asked: Asked,
    progress: Callable[[], AbstractContextManager[Progress]] = _silent,
) -> "Fleet":
    """Everything about the hosts of `inventory` on a kernel of these `rules`.

    Raises GhostswapError, naming the file, where one does not hold what it says, and where what the
    engine needs is missing.
    """
    with _started(inventory, asked, progress) as (started, report):
        # Only here, since it takes Ibis, of which the engine says whether it is there.
        from ghostswap.fleet.survey import survey

        return survey(
            inventory,
            started,
            rules,
            tuple(dict.fromkeys(asked.algorithms)),
            skip_bad=asked.skip_bad,
            most_pairs=asked.pairs,
            progress=report,
        )


def plan_fleet(
    inventory: Inventory,
    rules: Rules,
    asked: Asked,
    system: System,
    pool_percent: int | None = None,
    margin: float = 0.0,
    zero_pages: ZeroPages | None = None,
    progress: Callable[[], AbstractContextManager[Progress]] = _silent,
) -> FleetPlan:
    """What area each host needs for pages held by `system` under the first of the algorithms asked
    for (by default, of those that all have), with a pool of so many percent of its RAM (by default
    20, of zram 50). Zero pages of dumps are left out unless `zero_pages` includes them.

    GhostswapError as for `fleet`, and for a host that has hardly anything but zero pages of dumps
    where `zero_pages` is None; UsageError for a percentage that is none."""
    if pool_percent is None:
        in_zram = SYSTEMS[system].pool is Pool.ZRAM
        pool_percent = DEFAULT_ZRAM_PERCENT if in_zram else DEFAULT_POOL_PERCENT
    if not 1 <= pool_percent <= 100:
        raise UsageError("--max-pool-percent", f"{pool_percent} is not from 1 to 100")
    algorithm = next(iter(asked.algorithms or inventory.algorithms))
    with _started(inventory, asked, progress) as (started, report):
        from ghostswap.fleet.survey import by_host

        hosts, bad = by_host(
            inventory, started, rules, algorithm, skip_bad=asked.skip_bad, progress=report
        )
    sizings: list[HostSizing] = []
    empty, pages, left_out_zeros = [], 0, 0
    for each in hosts:
        name, ram, totals = each.host.name, each.host.ram_bytes, each.host.totals
        footprints = {footprint.system: footprint for footprint in each.systems}
        if system not in footprints:
            raise GhostswapError(f"--system {system}", "is not worked out for a fleet")
        footprint, zeros = footprints[system], each.host.dump_zero_pages
        if zero_pages is None and too_many_zeros(zeros, totals.pages):
            bad.append(doubtful_zeros(each.host.files, zeros, totals.pages))
            if not asked.skip_bad:
                raise bad[-1]
            continue
        if zero_pages is not ZeroPages.INCLUDE:
            footprint = without_zero(footprint, zeros, totals.zero_pages, rules)
            left_out_zeros += zeros
        pages += totals.pages
        if footprint.taken_pages == 0:
            empty.append(name)
            continue
        limit = PoolLimit(ram, pool_percent)
        sizings.append(HostSizing(name, size_up(footprint, limit, margin, None)))
    if not sizings:
        if bad:
            raise bad[0]
        raise GhostswapError(hosts[0].host.files, f"{system} takes none of its pages")
    return FleetPlan(tuple(sizings), tuple(empty), tuple(map(str, bad)), pages, left_out_zeros)


@contextmanager
def _started(
    inventory: Inventory, asked: Asked, progress: Callable[[], AbstractContextManager[Progress]]
) -> Iterator[tuple[Engine, Progress]]:
    """The engine asked for, and who is told how far it is; GhostswapError for an algorithm that
    not all files have."""
    for name in asked.algorithms:
        if name not in inventory.algorithms:
            known = ", ".join(inventory.algorithms)
            raise GhostswapError(f"--algorithm {name}", f"not all hosts have it; all have {known}")
    with (
        progress() as report,
        engine(asked.engine, memory_bytes=asked.memory_bytes, master=asked.master) as started,
    ):
        yield started, report
