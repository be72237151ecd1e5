"""The whole answer about a fleet: what each host would save, and all of them together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ghostswap.census.population import Copies, Population
from ghostswap.errors import GhostswapError
from ghostswap.fleet.asking import Asking, Holders, Pair, Step
from ghostswap.fleet.engine import Engine, EngineError, Progress
from ghostswap.fleet.inventory import Host, Inventory, Totals
from ghostswap.fleet.tally import (
    Tally,
    merged_error,
    population,
    relative_error,
    shared_population,
)
from ghostswap.kernel.algorithm import Variant, variant_of
from ghostswap.kernel.rules import Rules
from ghostswap.systems.comparison import OTHER_PARAMETERS
from ghostswap.systems.footprint import Footprint
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import SYSTEMS, Row, by_variant


@dataclass(frozen=True, slots=True)
class HostFigures:
    """One host's figures by system; errors are at 95 % confidence."""

    host: Host
    systems: tuple[Footprint, ...]


@dataclass(frozen=True, slots=True)
class SystemFigures:
    """A system's figures as if all hosts were one, and how far the sum over the hosts may
    be off."""

    shared: Footprint
    sum_error: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is known of all hosts.

    `contents` are the distinct data contents of all hosts together, `within_contents` the sum of
    those of each. `steps` lead from each census of a host to its next.
    """

    engine: str
    inventory: Inventory
    hosts: tuple[HostFigures, ...]
    systems: tuple[SystemFigures, ...]
    contents: int
    within_contents: int
    holders: Holders
    pairs: tuple[Pair, ...]
    steps: tuple[Step, ...]
    left_out: tuple[GhostswapError, ...]

    @property
    def totals(self) -> Totals:
        """What all hosts counted."""
        first, *others = [each.host.totals for each in self.hosts]
        return sum(others, start=first)

    @property
    def within_bytes(self) -> int:
        """What duplicates of data pages on the same host take."""
        return (self.totals.data_pages - self.within_contents) * self.inventory.page_size

    @property
    def across_bytes(self) -> int:
        """And, of what is left, those on different hosts; of samples both are estimates."""
        return max(self.within_contents - self.contents, 0) * self.inventory.page_size

    @property
    def relative_error(self) -> float:
        """The largest of any figure that sums hosts up."""
        return max(max(each.shared.relative_error, each.sum_error) for each in self.systems)


def survey(
    inventory: Inventory,
    engine: Engine,
    rules: Rules,
    algorithms: Sequence[str] = (),
    *,
    skip_bad: bool = False,
    most_pairs: int = 10,
    progress: Progress = lambda what, done, known: None,
) -> Fleet:
    """Everything about these hosts, for each of `algorithms` (default: all that the files have).

    Raises GhostswapError, naming the file, where one does not hold what it says; with `skip_bad`
    its host is left out, of everything.
    """
    sampled = inventory.one_in > 1
    asking = Asking(engine, inventory.page_size, sampled, skip_bad, progress)
    names = list(algorithms or filter(_of_zram, inventory.algorithms))
    try:
        hosts, systems, (contents, within), holders = _figures(
            asking, inventory, rules, names, list(inventory.hosts)
        )
        current = [each.host for each in hosts]
        pairs = asking.pairs(current, holders, most_pairs)
        earlier = _history(asking, inventory, {host.name for host in current})
        times = sorted([*current, *earlier], key=lambda host: (host.name, host.taken))
        steps = [step for each in _generations(times) for step in asking.steps(each)]
        return Fleet(
            engine.name,
            inventory,
            tuple(hosts),
            tuple(systems),
            contents,
            within,
            holders,
            pairs,
            tuple(sorted(steps, key=lambda step: (step.host, step.taken))),
            (*inventory.left_out, *asking.left_out),
        )
    except EngineError as error:
        raise GhostswapError(f"--engine {engine.name}", str(error)) from None


def by_host(
    inventory: Inventory,
    engine: Engine,
    rules: Rules,
    algorithm: str,
    *,
    skip_bad: bool = False,
    progress: Progress = lambda what, done, known: None,
) -> tuple[list[HostFigures], list[GhostswapError]]:
    """The figures of each host alone, under one algorithm; and the errors of those left out, as
    `survey` has them."""
    asking = Asking(engine, inventory.page_size, inventory.one_in > 1, skip_bad, progress)
    kept = list(inventory.hosts)
    figures: dict[str, list[Footprint]] = {host.name: [] for host in kept}
    try:
        for judge in _judges(inventory, rules, [algorithm]):
            of_hosts = list(asking.tallies(kept, judge.column))
            for host, tally in of_hosts:
                figures[host.name] += judge.of_host(host, tally)
            kept = [host for host, _ in of_hosts]
    except EngineError as error:
        raise GhostswapError(f"--engine {engine.name}", str(error)) from None
    left_out = [*inventory.left_out, *asking.left_out]
    if not kept:
        raise left_out[0]
    return [HostFigures(host, tuple(figures[host.name])) for host in kept], left_out


def _history(asking: Asking, inventory: Inventory, names: set[str]) -> list[Host]:
    """Those earlier censuses of these hosts that hold what they say."""
    # Asked together are censuses of different hosts that have an algorithm in common.
    alike: dict[tuple[int, str], list[Host]] = {}
    number: Counter[str] = Counter()
    for host in inventory.earlier:
        if host.name in names:
            number[host.name] += 1
            alike.setdefault((number[host.name], next(iter(host.algorithms))), []).append(host)
    return [host for (_, own), hosts in alike.items() for host, _ in asking.tallies(hosts, own)]


def _generations(times: Sequence[Host]) -> list[list[tuple[Host, Host]]]:
    """Each census with the next of its host: first the last of all hosts, then those before, so
    that a host is in each list once. `times` is by host and time."""
    generations: list[list[tuple[Host, Host]]] = []
    number = 0
    for new, old in pairwise(reversed(times)):
        number = number + 1 if old.name == new.name else 0
        if not number:
            continue
        if number > len(generations):
            generations.append([])
        generations[number - 1].append((old, new))
    return generations


def _figures(
    asking: Asking, inventory: Inventory, rules: Rules, algorithms: list[str], hosts: list[Host]
) -> tuple[list[HostFigures], list[SystemFigures], tuple[int, int], Holders]:
    """Figures of each host, and of all; their data contents as if shared, and by host; and on how
    many hosts these are."""
    figures: dict[str, list[Footprint]] = {host.name: [] for host in hosts}
    systems: list[SystemFigures] = []
    counted, holders = (0, 0), Holders((), 1)
    for number, judge in enumerate(_judges(inventory, rules, algorithms)):
        together: Population | None = None
        kept = []
        for host, tally in asking.tallies(hosts, judge.column):
            pages = judge.population(host, tally)
            together = pages if together is None else _added(together, pages)
            figures[host.name] += judge.of_host(host, tally)
            kept.append(host)
        if together is None:
            raise asking.left_out[0]
        if len(kept) < len(hosts) and number:
            # What was counted of them before is to go too.
            return _figures(asking, inventory, rules, algorithms, kept)
        hosts = kept
        tally, holders = asking.together(hosts, judge.column)
        shared = shared_population(tally, together)
        counted = shared.data.total_contents, together.data.total_contents
        for each in judge.figures(shared):
            error = judge.error(tally, each, scaled=not SYSTEMS[each.system].once)
            of_sum = judge.error(tally, each, scaled=True, pools=len(hosts))
            systems.append(SystemFigures(replace(each, relative_error=error), of_sum))
    of_hosts = [HostFigures(host, tuple(figures[host.name])) for host in hosts]
    return of_hosts, systems, counted, holders


def _of_zram(name: str) -> bool:
    return variant_of(name)[1] is not Variant.IN_CRYPTO


def _judges(inventory: Inventory, rules: Rules, algorithms: list[str]) -> Iterator["_Judge"]:
    """Who judges which systems by which column; KSM, which compresses nothing, once."""
    errors = inventory.algorithms
    for number, algorithm in enumerate(algorithms):
        ksm = [row for row in SYSTEMS.values() if not row.compresses and not number]
        for variant, rows in by_variant(rules.zswap_variant(variant_of(algorithm)[0])):
            if variant is Variant.ZRAM:
                yield _Judge(rules, algorithm, algorithm, errors[algorithm], (*rows, *ksm))
                continue
            column, error = algorithm, errors[algorithm] + OTHER_PARAMETERS
            for name in errors:
                if variant_of(name)[1] is variant:
                    column, error = name, errors[name]
            yield _Judge(rules, algorithm, column, error, tuple(rows))


def _added(one: Population, other: Population) -> Population:
    """The pages of both; how often contents occur in all does not follow from each alone."""
    nothing = np.empty(0, dtype=np.int64)
    return Population(
        one.page_size,
        one.algorithm,
        one.zero + other.zero,
        one.same_filled + other.same_filled,
        one.data + other.data,
        Copies(nothing, nothing),
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    """The figures of some systems under one algorithm, and their errors. The sizes are those of
    `column`, and may be off by `codec_error`."""

    rules: Rules
    algorithm: str
    column: str
    codec_error: float
    rows: tuple[Row, ...]

    def figures(self, pages: Population) -> list[Footprint]:
        """Those of each system."""
        return [row.footprint(pages, self.rules) for row in self.rows]

    def population(self, host: Host, tally: Tally) -> Population:
        """The pages of one host."""
        page_size = host.parts[0].page_size
        return population(tally, host.totals, page_size, self.algorithm, len(host.parts))

    def of_host(self, host: Host, tally: Tally) -> list[Footprint]:
        """The figures of one host with their errors. Its totals are known, but not how many
        contents several parts have together."""
        alone = len(host.parts) == 1
        return [
            replace(
                each,
                relative_error=self.error(
                    tally, each, scaled=alone or not SYSTEMS[each.system].once
                ),
            )
            for each in self.figures(self.population(host, tally))
        ]

    def error(self, tally: Tally, of: Footprint, *, scaled: bool, pools: int = 1) -> float:
        """The codec's own error, and that of a sample; KSM compresses nothing."""
        row = SYSTEMS[of.system]
        if not row.compresses:
            return merged_error(tally, of.page_size, scaled=scaled)
        cost = pool_cost(row.pool, self.rules, of.page_size)
        by_chance = relative_error(tally, cost, each_once=row.once, scaled=scaled, pools=pools)
        return self.codec_error + by_chance
