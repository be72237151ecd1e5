"""A sample says of all pages what it can, and how far it may be wrong."""

import math

import numpy as np
import pytest

from ghostswap.idle.ranges import IdleRegions, intervals_untouched, parse_column
from ghostswap.idle.sample import (
    MOST_WATCHED,
    ages,
    choose,
    distinct_range,
    most_pages,
    share_error,
    total_error,
)

TRIES = 2000


def test_every_page_is_as_likely_as_any_other() -> None:
    sizes = [5, 0, 20]
    counts = [np.zeros(size) for size in sizes]
    for seed in range(TRIES):
        drawn = choose(sizes, 10, seed)
        assert sum(map(len, drawn)) == 10
        for count, numbers in zip(counts, drawn, strict=True):
            count[numbers] += 1
    share = np.concatenate(counts) / TRIES
    assert abs(share - 0.4).max() < 5 * math.sqrt(0.4 * 0.6 / TRIES)


def test_all_pages_are_taken_where_there_are_no_more() -> None:
    assert [part.tolist() for part in choose([2, 3], 5, 0)] == [[0, 1], [0, 1, 2]]
    assert [part.tolist() for part in choose([], 5, 0)] == []


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("total", [150, 100_000])
def test_a_share_is_as_near_as_it_says(share: float, total: int) -> None:
    random, sampled = np.random.default_rng(1), 100
    idle = round(share * total)
    parts = random.hypergeometric(idle, total - idle, sampled, TRIES)
    near = [
        abs(p / sampled - idle / total) <= share_error(p, sampled, total) + 1e-12 for p in parts
    ]
    assert np.mean(near) >= 0.93


def test_a_share_of_all_pages_is_exact_and_of_none_unknown() -> None:
    assert share_error(3, 10, 10) == 0.0
    assert share_error(0, 0, 10) == 1.0
    assert share_error(0, 100, 10_000) > 0.01, "none of a hundred is not none of all"


def test_a_total_is_as_near_as_it_says() -> None:
    random = np.random.default_rng(2)
    values = np.where(random.random(20_000) < 0.3, random.exponential(1500, 20_000), 0.0)
    near = 0
    for _ in range(TRIES):
        sample = random.choice(values, 800, replace=False)
        estimated = sample.mean() * len(values)
        near += abs(estimated - values.sum()) <= total_error(sample, len(values)) * estimated
    assert near / TRIES >= 0.93
    assert total_error(values, len(values)) == 0.0
    assert total_error(values[:1], 10) == math.inf
    assert total_error(np.zeros(5), 10) == math.inf


@pytest.mark.parametrize("copies", [(1, 1), (2, 2), (1, 3), (500, 500), (1, 50)])
def test_distinct_contents_lie_between_what_is_said(copies: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    of_each = random.integers(copies[0], copies[1] + 1, 40_000 // max(copies))
    pages = np.repeat(np.arange(len(of_each)), of_each)
    for fraction in (0.05, 0.3, 1.0):
        drawn = random.choice(pages, round(fraction * len(pages)), replace=False)
        _, seen = np.unique(drawn, return_counts=True)
        least, most = distinct_range(seen, fraction)
        assert 0.95 * least <= len(of_each) <= 1.05 * most
    assert (least, most) == (len(of_each), len(of_each))


def test_ages_go_as_far_as_was_watched() -> None:
    untouched = np.array([0.0, 45.0, 130.0, 130.0])
    estimated = [(age.seconds, age.share) for age in ages(untouched, 130.0, 130.0)]
    assert estimated == [(30.0, 0.75), (120.0, 0.5), (130.0, 0.5)]
    assert ages(untouched, 10.0, 20.0) == ()


def test_regions_are_asked_by_address_however_they_merged() -> None:
    columns = ([40, 10], [50, 30], [7, 3])
    regions = IdleRegions(*(np.array(each, dtype=np.uint64) for each in columns))
    asked = np.array([5, 10, 29, 30, 39, 40, 49, 50], dtype=np.uint64)
    assert intervals_untouched(regions, asked).tolist() == [0, 3, 3, 0, 0, 7, 7, 0]
    none = np.zeros(0, dtype=np.uint64)
    assert intervals_untouched(IdleRegions(none, none, none), asked).tolist() == [0] * 8


@pytest.mark.parametrize("text", [b"", b"-1", b"18446744073709551616", b"0x10"])
def test_what_is_no_number_of_a_region_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"region|invalid literal"):
        parse_column([b"1", text])


def test_a_short_watch_is_of_fewer_pages_for_its_cost() -> None:
    assert most_pages(10, 250) == 2500
    assert most_pages(3600, 250) == MOST_WATCHED
    assert most_pages(0.001, 250) == 1
