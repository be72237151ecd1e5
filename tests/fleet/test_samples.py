"""The errors that go with a sample are true: the exact figures lie within them 95 times in 100."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from ghostswap.census.columns import MOST_COPIED, sample_end
from ghostswap.census.salt import Salt
from ghostswap.fleet.engine import Engine
from ghostswap.fleet.inventory import take_stock
from ghostswap.fleet.survey import Fleet, survey
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from tests.fleets import census_of, save_host

RULES = rules_for(KernelVersion.parse("6.12"), {})
# Of so many draws that each hold with 95 %, fewer hold once in 150 times.
DRAWS, FEWEST = 100, 89
U64 = NDArray[np.uint64]


def pages_of_hosts(draw: np.random.Generator) -> list[U64]:
    """Three hosts: contents of their own, some there twice, and common ones in unequal numbers."""
    common = draw.integers(1000, 1 << 63, 6000, dtype=np.uint64)
    hosts = []
    for _ in range(3):
        own = draw.integers(1000, 1 << 63, 12_000, dtype=np.uint64)
        copied = np.repeat(own[:2000], draw.integers(1, 4, 2000))
        held = common[draw.integers(0, 6000, 5000)]
        hosts.append(np.concatenate([own, copied, held, np.zeros(500, np.uint64)]))
    return hosts


def figures(fleet: Fleet) -> Iterator[tuple[str, float, float]]:
    """Each figure that has an error: its name, bytes, and the relative error."""
    for host in fleet.hosts:
        for each in host.systems:
            yield f"{host.host.name} {each.system}", each.ram_bytes, each.relative_error
    for number, system in enumerate(fleet.systems):
        total = sum(host.systems[number].ram_bytes for host in fleet.hosts)
        shared = system.shared
        yield f"sum {shared.system}", total, system.sum_error
        yield f"shared {shared.system}", shared.ram_bytes, shared.relative_error


def surveyed(folder: Path, hosts: list[U64], engine: Engine, salt: Salt, *one_in: int) -> Fleet:
    paths = [
        save_host(folder / f"{i}.parquet", census_of([pages]), f"host{i}", salt=salt, one_in=n)
        for i, (pages, n) in enumerate(zip(hosts, one_in, strict=True))
    ]
    return survey(take_stock(paths, skip_bad=False), engine, RULES, most_pairs=0)


@pytest.mark.parametrize("one_in", [(16, 16, 16), (8, 32, 1)], ids=["equal", "unequal"])
def test_the_exact_figures_lie_within_the_stated_errors(
    one_in: tuple[int, int, int],
    tmp_path: Path,
    duckdb: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So few are kept whole that chance decides of the copied ones as well, as on a large host.
    monkeypatch.setattr("ghostswap.census.columns.MOST_COPIED", 64)
    draw = np.random.default_rng(16)
    hosts = pages_of_hosts(draw)
    exact = surveyed(tmp_path, hosts, duckdb, Salt(b"exact"), 1, 1, 1)
    true = {name: (value, error) for name, value, error in figures(exact)}
    held = dict.fromkeys(true, 0)
    stated: dict[str, list[float]] = {name: [] for name in true}
    for number in range(DRAWS):
        salt = Salt(f"draw {number}".encode())
        for name, value, error in figures(surveyed(tmp_path, hosts, duckdb, salt, *one_in)):
            beyond = true[name][1]  # of the codec itself: no chance
            held[name] += abs(value / true[name][0] - 1) <= error - beyond
            stated[name].append(error - beyond)
    few = {name: number for name, number in held.items() if number < FEWEST}
    assert not few
    # Nor are they so wide that they say nothing: where all hold always, they would be too large.
    by_chance = [name for name in held if np.mean(stated[name]) > 0]
    assert sum(held[name] for name in by_chance) < DRAWS * len(by_chance)
    assert max(map(np.mean, stated.values())) < 0.2


def test_a_sample_keeps_the_most_copied_contents_whole(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    once = draw.integers(1000, 1 << 63, 40_000, dtype=np.uint64)
    pages = np.concatenate([once, np.repeat(once[:2000], 3), np.repeat(once[:100], 50)])
    path = save_host(tmp_path / "a.parquet", census_of([pages]), "a", one_in=64)
    table = pyarrow.parquet.read_table(path, columns=["hash", "copies", "weight"]).to_pandas()
    whole, light = table[table.weight == 1], table[table.weight == 64]
    assert len(table) == len(whole) + len(light)
    assert (whole.copies > 1).sum() == 2000 <= MOST_COPIED
    assert whole.copies.max() == 54
    assert (light.copies == 1).all()
    assert (light.hash < sample_end(64)).all()
    assert 38_000 / 64 * 0.8 < len(light) < 38_000 / 64 * 1.2
