"""What the idle pages of a sample say of all idle pages: how many, their pool, their copies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ghostswap.census import codecs
from ghostswap.census.idle_share import (
    IdleCensus,
    IdleShare,
    idle_error,
    idle_groups,
    scaled_copies,
    scaled_counts,
    scaled_population,
)
from ghostswap.census.population import population
from ghostswap.census.scan import scan
from ghostswap.census.table import Census
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Source
from ghostswap.pages.subset import subset
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import Pool
from ghostswap.systems.zram import zram, zram_dedup

PAGE = 4096
RULES = rules_for(KernelVersion(6, 18), {})
PAGES = 12_000


def dump(path: Path) -> Path:
    """A quarter zeros, an eighth same-filled, the rest noise of any length, some of it copied."""
    random = np.random.default_rng(7)
    pages = []
    for number in range(PAGES):
        if number % 4 == 0:
            pages.append(bytes(PAGE))
        elif number % 8 == 1:
            pages.append(b"samesame" * (PAGE // 8))
        else:
            noise = np.random.default_rng(number % 9000).bytes(int(random.integers(50, 3000)))
            pages.append(noise.ljust(PAGE, b"\1"))
    path.write_bytes(b"".join(pages))
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    opened = open_dump(dump(tmp_path_factory.mktemp("idle") / "dump"), PAGE)
    assert isinstance(opened, Source)
    return opened


def census_of(source: Source, numbers: NDArray[np.int64]) -> Census:
    return scan([subset(source, numbers)], PAGE, [codecs.find("lz4", RULES.version)], jobs=1)


def share_of(tracked: int, idle: int, total: int) -> IdleShare:
    """One source of `total` pages, of which so many were watched."""
    return IdleShare(
        30.0, "damon", (total,), (tracked,), (idle,), total, 0, 0, (), None, partial=False
    )


def test_where_all_pages_were_watched_nothing_is_scaled(source: Source) -> None:
    idle = np.arange(0, PAGES, 3)
    census = census_of(source, idle)
    share = share_of(PAGES, len(idle), PAGES)
    exact = population(census, census.measured[0])
    scaled = scaled_population(census, census.measured[0], share)
    assert exact is not None
    assert scaled is not None
    assert zram(scaled, RULES) == zram(exact, RULES)
    assert zram_dedup(scaled, RULES) == zram_dedup(exact, RULES)
    counts = scaled_counts(census, share)
    assert counts["total"] == len(idle) == sum(counts[k] for k in ("zero", "same_filled", "data"))
    assert counts["data"] == counts["distinct"] + counts["duplicate"]
    cost = pool_cost(Pool.ZRAM, RULES, PAGE)
    assert idle_error(census, census.measured[0], share, cost, each_once=True) == 0.0
    scaled_, exact_ = scaled_copies(census, share), exact.copies
    assert scaled_.contents.sum() == exact_.contents.sum()
    assert (scaled_.copies * scaled_.contents).sum() == len(idle)


def test_a_sample_is_as_near_to_all_idle_pages_as_it_says(source: Source) -> None:
    """Two thirds of the pages are idle; samples of 1,500 are held against all of them."""
    all_idle = np.flatnonzero(np.arange(PAGES) % 3 != 0)
    whole = census_of(source, all_idle)
    pages = population(whole, whole.measured[0])
    assert pages is not None
    real, real_dedup = zram(pages, RULES), zram_dedup(pages, RULES)
    near, tries = 0, 20
    for seed in range(tries):
        drawn = np.sort(np.random.default_rng(seed).choice(PAGES, 1500, replace=False))
        idle = drawn[drawn % 3 != 0]
        census = census_of(source, idle)
        share = share_of(1500, len(idle), PAGES)
        measured = census.measured[0]
        scaled = scaled_population(census, measured, share)
        assert scaled is not None
        footprint = zram(scaled, RULES)
        error = idle_error(
            census, measured, share, pool_cost(Pool.ZRAM, RULES, PAGE), each_once=False
        )
        assert 0.01 < error < 0.15
        near += abs(footprint.pool_bytes - real.pool_bytes) <= error * footprint.pool_bytes
        once = zram_dedup(scaled, RULES)
        error = idle_error(
            census, measured, share, pool_cost(Pool.ZRAM, RULES, PAGE), each_once=True
        )
        assert abs(once.pool_bytes - real_dedup.pool_bytes) <= error * once.pool_bytes
        counts = scaled_counts(census, share)
        assert counts["total"] == share.idle_pages == round(len(idle) / 1500 * PAGES)
        twins = scaled_copies(census, share)
        assert abs((twins.copies * twins.contents).sum() - share.idle_pages) <= 2
    assert near >= 18


def test_groups_add_up_and_tell_idle_from_touched(source: Source) -> None:
    numbers = np.arange(0, 600)
    codec = [codecs.find("lz4", RULES.version)]
    idle = scan([subset(source, numbers), subset(source, numbers[:10])], PAGE, codec, jobs=1)
    touched = scan([subset(source, numbers[:0]), subset(source, numbers[:5])], PAGE, codec, jobs=1)
    share = replace(share_of(0, 0, 900), pages=(700, 200), tracked=(600, 15), idle=(600, 10))
    first, second = idle_groups(IdleCensus(idle, touched, share), ["a", "b"])
    assert (first.name, first.tracked_pages, first.idle_pages, first.share) == ("a", 600, 600, 1.0)
    assert first.touched_mean_bytes is None
    assert second.idle_mean_bytes is not None
    assert second.touched_mean_bytes is not None
    (both,) = idle_groups(IdleCensus(idle, touched, share), ["a", "a"])
    assert (both.tracked_pages, both.idle_pages) == (615, 610)
