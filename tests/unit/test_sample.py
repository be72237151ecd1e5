"""A sample's own error holds what it says: the exact pool is inside its 95 % interval."""

from dataclasses import replace

import numpy as np
import pytest

from ghostswap.census.population import population
from ghostswap.census.sample import Sampling
from ghostswap.census.sample_error import SampleError
from ghostswap.census.table import Census, Contents, Measured, Sample
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import Pool
from ghostswap.systems.zram import zram, zram_dedup

PAGE = 4096
RULES = rules_for(KernelVersion(6, 18), {})
COST = pool_cost(Pool.ZRAM, RULES, PAGE)
TRIALS = 50
LOOKED_AT = 300
HELD_AT_LEAST = 0.92


def census(contents: int, seed: int, *, neighbours_alike: bool = False) -> Census:
    """Contents of many sizes, some with many copies, and zero pages, all compressed: one after the
    other, as if each row stood for all its copies."""
    draw = np.random.default_rng(seed)
    mean, deviation = 1500.0 * np.ones(contents), 700
    if neighbours_alike:
        mean, deviation = np.repeat(draw.uniform(200, 3800, contents // 1000), 1000), 300
    huge = draw.random(contents) < (0.01 if neighbours_alike else 0.15)
    sizes = np.where(huge, PAGE + 1, draw.normal(mean, deviation).clip(40, 4000)).astype(np.uint16)
    copies = np.where(draw.random(contents) < 0.1, draw.zipf(1.8, contents).clip(1, 50_000), 1)
    hashes = np.sort(draw.integers(1, 2**64 - 1, contents, dtype=np.uint64))
    zero = np.zeros(contents, dtype=np.bool_)
    zero[0], sizes[0], copies[0] = True, 0, 9000
    none = np.zeros(contents, dtype=np.bool_)
    return Census(
        PAGE,
        0,
        (),
        hashes,
        ~none,
        Contents(hashes, copies.astype(np.int64), zero, none),
        (Measured("lz4", sizes, None, 0.0),),
        partial=False,
    )


def sampled(exact: Census, error: float, trial: int) -> tuple[Census, Sample]:
    """The census that a sample makes, for other hashes of the same contents."""
    order = np.random.default_rng(trial).permutation(len(exact.hash))
    hashes = np.zeros_like(exact.hash)
    hashes[order] = exact.hash
    old, known = exact.contents, exact.measured[0].sizes[order]
    contents = Contents(exact.hash, old.pages[order], old.zero[order], old.same_filled[order])
    sizes = np.zeros_like(known)[np.newaxis]
    sampling = Sampling(error, COST)
    # known[0] is of the zero page
    step = len(old.pages) // LOOKED_AT
    looked_at = exact.measured[0].sizes[1::step][np.newaxis]
    cutoff = sampling.first_cutoff(len(known), looked_at)
    taken = contents.hash <= np.uint64(cutoff)
    sizes[0, taken] = known[taken]
    sample = None
    for sample, numbers in sampling.rounds(contents, sizes, cutoff, (hashes, exact.readable)):  # noqa: B007
        sizes[0, numbers] = known[numbers]
    assert sample is not None
    measured = (Measured("lz4", sizes[0], None, 0.0),)
    return (
        Census(
            PAGE, 0, (), hashes, exact.readable, contents, measured, partial=False, sample=sample
        ),
        sample,
    )


@pytest.mark.parametrize("neighbours_alike", [False, True])
@pytest.mark.parametrize("error", [0.02, 0.005])
def test_the_exact_pool_lies_in_the_interval(error: float, neighbours_alike: bool) -> None:
    exact = census(60_000, seed=3, neighbours_alike=neighbours_alike)
    whole = population(exact, exact.measured[0])
    assert whole is not None
    held = {zram: 0, zram_dedup: 0}
    for trial in range(TRIALS):
        estimated, sample = sampled(exact, error, trial)
        pages = population(estimated, estimated.measured[0])
        assert pages is not None
        for model in held:
            sample_error = SampleError.of(estimated.contents, estimated.measured[0].sizes, sample)
            allowed = sample_error.relative_error(COST, each_once=model is zram_dedup)
            assert allowed <= error
            off = abs(model(pages, RULES).pool_bytes / model(whole, RULES).pool_bytes - 1)
            held[model] += off <= allowed
    assert min(held.values()) >= HELD_AT_LEAST * TRIALS, held


def test_what_is_asked_for_decides_how_much_is_compressed() -> None:
    exact = census(60_000, seed=4)
    few, _ = sampled(exact, 0.05, trial=0)
    many, _ = sampled(exact, 0.005, trial=0)
    assert np.count_nonzero(few.measured[0].sizes) * 4 < np.count_nonzero(many.measured[0].sizes)


def test_where_neighbours_are_alike_less_is_compressed() -> None:
    exact = census(60_000, seed=6, neighbours_alike=True)
    elsewhere = np.random.default_rng(7).permutation(len(exact.hash) - 1) + 1
    shuffled = replace(
        exact,
        measured=(
            replace(
                exact.measured[0],
                sizes=exact.measured[0].sizes[np.concatenate([[0], elsewhere])],
            ),
        ),
    )
    alike, _ = sampled(exact, 0.005, trial=0)
    unlike, _ = sampled(shuffled, 0.005, trial=0)
    few, many = (np.count_nonzero(each.measured[0].sizes) for each in (alike, unlike))
    assert 3 * few < 2 * many


def test_a_small_dump_is_compressed_whole() -> None:
    exact = census(3000, seed=5)
    estimated, _ = sampled(exact, 0.005, trial=0)
    assert np.array_equal(
        estimated.measured[0].sizes > 0,
        ~estimated.contents.zero,
    )
