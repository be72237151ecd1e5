"""A fleet's figures are those of one census over all its hosts, whichever engine counts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ghostswap.fleet.engine import Engine
from ghostswap.fleet.inventory import census_files, take_stock
from ghostswap.fleet.survey import Fleet, survey
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.systems.comparison import compare
from ghostswap.systems.footprint import Footprint
from tests.fleets import TAKEN, census_of, save_host

RULES = rules_for(KernelVersion.parse("6.12"), {})
U64 = NDArray[np.uint64]


def hosts_pages(seed: int, hosts: int = 4, pages: int = 3000) -> list[list[U64]]:
    """The pages of each host by content, in two processes: some are on all hosts, some many times,
    some zero and some same-filled."""
    draw = np.random.default_rng(seed)
    common = draw.integers(1000, 1 << 63, pages // 8, dtype=np.uint64)
    parts_of_hosts = []
    for _ in range(hosts):
        own = draw.integers(1000, 1 << 63, pages // 2, dtype=np.uint64)
        parts = [own, draw.choice(common, pages // 5), draw.choice(own[:40], pages // 5)]
        parts += [np.zeros(pages // 20, np.uint64), draw.integers(1, 64, 20, dtype=np.uint64)]
        parts_of_hosts.append(np.array_split(draw.permutation(np.concatenate(parts)), 2))
    return parts_of_hosts


def saved(folder: Path, hosts: list[list[U64]], **how: object) -> list[Path]:
    return [
        save_host(folder / f"{i}.parquet", census_of(each), f"host{i}", **how)  # type: ignore[arg-type]
        for i, each in enumerate(hosts)
    ]


def asked(engine: Engine, *paths: Path, skip_bad: bool = False) -> Fleet:
    inventory = take_stock(census_files(paths), skip_bad=skip_bad)
    return survey(inventory, engine, RULES, skip_bad=skip_bad)


def by_system(footprints: tuple[Footprint, ...]) -> dict[str, Footprint]:
    return {f"{each.system} {each.algorithm}": each for each in footprints}


def check(surveyed: Fleet, hosts: list[list[U64]], algorithms: tuple[str, ...] = ("lz4",)) -> None:
    """Against censuses of the same pages, by what estimate-dedup uses."""
    together = census_of([part for host in hosts for part in host], algorithms)
    shared = tuple(each.shared for each in surveyed.systems)
    assert by_system(shared) == by_system(compare(together, RULES).footprints)
    censuses = [census_of(each, algorithms) for each in hosts]
    for census, host in zip(censuses, surveyed.hosts, strict=True):
        assert by_system(host.systems) == by_system(compare(census, RULES).footprints)
    data = [set(np.concatenate(host)[np.concatenate(host) >= 64].tolist()) for host in hosts]
    assert surveyed.contents == len(set.union(*data))
    assert surveyed.within_contents == sum(map(len, data))
    assert dict(surveyed.holders.contents) == _holders(data)
    pairs = [
        (-len(data[a] & data[b]), f"host{a}", f"host{b}")
        for a in range(len(data))
        for b in range(a + 1, len(data))
        if data[a] & data[b]
    ]
    by_shared = [(-pair.shared_pages, pair.a, pair.b) for pair in surveyed.pairs]
    assert by_shared == sorted(pairs)[:10]
    assert surveyed.relative_error == max(each.shared.relative_error for each in surveyed.systems)


def _holders(data: list[set[int]]) -> dict[int, int]:
    number = [sum(content in host for host in data) for content in set.union(*data)]
    return {hosts: number.count(hosts) for hosts in set(number)}


def test_several_passes_over_the_files_count_what_one_does(
    tmp_path: Path, duckdb: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = hosts_pages(9)
    paths = saved(tmp_path, hosts)
    questions: list[str] = []
    monkeypatch.setattr(duckdb, "rows_at_once", 1500)
    found = survey(
        take_stock(paths, skip_bad=False),
        duckdb,
        RULES,
        progress=lambda what, done, known: questions.append(f"{what} {done} of {known}"),
    )
    assert "all hosts together, lz4 3 of 4" in questions
    check(found, hosts)


@pytest.mark.parametrize("private", [False, True])
def test_duckdb_counts_as_one_census_over_all_hosts_does(
    private: bool, tmp_path: Path, duckdb: Engine
) -> None:
    hosts = hosts_pages(1)
    paths = saved(tmp_path, hosts, private=private)
    if private:
        exact = asked(duckdb, *saved(tmp_path, hosts))
        surveyed = asked(duckdb, *saved(tmp_path, hosts, private=True))
        # Sizes are those of zsmalloc's classes, and so the pools are the same.
        for one, other in zip(surveyed.systems, exact.systems, strict=True):
            assert (one.shared.pool_bytes, one.shared.huge_pages) == (
                other.shared.pool_bytes,
                other.shared.huge_pages,
            )
        assert (surveyed.holders, surveyed.pairs) == (exact.holders, exact.pairs)
    else:
        check(asked(duckdb, *paths), hosts)


def test_spark_counts_the_same(tmp_path: Path, spark: Engine, duckdb: Engine) -> None:
    hosts = hosts_pages(2)
    paths = saved(tmp_path, hosts)
    surveyed = asked(spark, *paths)
    check(surveyed, hosts)
    assert replace(surveyed, engine="duckdb") == asked(duckdb, *paths)


def test_both_count_samples_of_unequal_size_the_same(
    tmp_path: Path, spark: Engine, duckdb: Engine
) -> None:
    hosts = hosts_pages(3, hosts=3, pages=20_000)
    for i, one_in in enumerate((4, 8, 1)):
        save_host(tmp_path / f"{i}.parquet", census_of(hosts[i]), f"host{i}", one_in=one_in)
    surveyed, other = asked(spark, tmp_path), asked(duckdb, tmp_path)
    assert replace(surveyed, engine="duckdb") == other
    assert surveyed.holders.one_in == 8
    exact = asked(duckdb, *saved(tmp_path, hosts))
    for one, true in zip(surveyed.systems, exact.systems, strict=True):
        assert one.shared.pool_bytes == pytest.approx(true.shared.pool_bytes, rel=0.1)


def test_two_algorithms(tmp_path: Path, duckdb: Engine) -> None:
    hosts = hosts_pages(4)
    for i, each in enumerate(hosts):
        save_host(tmp_path / f"{i}.parquet", census_of(each, ("lz4", "zstd:3")), f"host{i}")
    check(asked(duckdb, tmp_path), hosts, ("lz4", "zstd:3"))


def test_parts_of_a_host_are_one_host(tmp_path: Path, duckdb: Engine) -> None:
    hosts = hosts_pages(5)
    for i, host in enumerate(hosts):
        for part, pages in enumerate(host):
            save_host(tmp_path / f"{i}-{part}.parquet", census_of([pages]), f"host{i}")
    surveyed = asked(duckdb, tmp_path)
    check(surveyed, hosts)
    assert any("host0: 2 censuses" in note for note in surveyed.inventory.notes)


def test_the_newest_census_of_a_host_counts_and_the_others_are_its_history(
    tmp_path: Path, duckdb: Engine, spark: Engine
) -> None:
    def at(name: str, contents: list[int], days: int) -> None:
        pages = census_of([np.array(contents, np.uint64)])
        save_host(tmp_path / name, pages, "host0", taken=TAKEN + timedelta(days=days))

    at("a.parquet", [100, 100, 101, 101, 102, 102, 103, 0, 0], 0)
    at("c.parquet", [100, 100, 105], 3)
    at("b.parquet", [100, 100, 100, 101, 104, 104, 0], 1)
    surveyed = asked(duckdb, tmp_path)
    assert surveyed.totals.pages == 3
    steps = [(s.seconds, s.pages, s.shared, s.kept, s.still_shared) for s in surveyed.steps]
    assert steps == [(86400, 7, 3, 2, 1), (2 * 86400, 3, 2, 1, 1)]
    assert asked(spark, tmp_path).steps == surveyed.steps


def test_a_copy_of_a_file_counts_once_and_is_said(tmp_path: Path, duckdb: Engine) -> None:
    hosts = hosts_pages(6)
    paths = saved(tmp_path, hosts)
    (tmp_path / "copy.parquet").write_bytes(paths[1].read_bytes())
    (tmp_path / "link.parquet").symlink_to(paths[2])
    surveyed = asked(duckdb, tmp_path)
    check(surveyed, hosts)
    assert sum("counted once" in note for note in surveyed.inventory.notes) == 2


def test_a_name_that_looks_like_a_pattern_or_a_partition_is_a_name(
    tmp_path: Path, duckdb: Engine, spark: Engine
) -> None:
    hosts = hosts_pages(7, hosts=2, pages=200)
    folder = tmp_path / "host=other" / "a[1]*{x}"
    folder.mkdir(parents=True)
    for engine in (duckdb, spark):
        check(asked(engine, *saved(folder, hosts)), hosts)
