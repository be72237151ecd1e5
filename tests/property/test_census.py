"""A census is of the pages alone: not of how they were cut, ordered, packed or shared out."""

import gzip
import json
import random
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ghostswap.census import codecs
from ghostswap.census.dedup import by_source, shared_between_sources
from ghostswap.census.merge import merge
from ghostswap.census.sample import Sampling
from ghostswap.census.scan import scan
from ghostswap.census.table import Census
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zsmalloc import pool, size_classes
from ghostswap.pages.dump import open_dump
from ghostswap.report.estimate import Estimate, document
from ghostswap.systems.comparison import compare
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import Pool

PAGE = 4096
RULES = rules_for(KernelVersion(6, 18), {})

# A page by its number: zeros, one repeated byte, or text that is the same for the same number.
page_numbers = st.lists(st.integers(0, 12), min_size=1, max_size=40)
few_scans = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def pages(numbers: list[int]) -> bytes:
    def one(number: int) -> bytes:
        if number < 4:
            return bytes([number]) * PAGE
        return (f"page {number} of some text; ".encode() * 200)[: PAGE - number * 9].ljust(
            PAGE, bytes([number])
        )

    return b"".join(map(one, numbers))


def census(*dumps: bytes, jobs: int = 1, packed: bool = False) -> Census:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, dump in enumerate(dumps):
            path = Path(folder) / str(number)
            path.write_bytes(gzip.compress(dump, 1) if packed else dump)
            paths.append(path)
        return scan(
            [open_dump(path, PAGE) for path in paths], PAGE, [codecs.find("lz4")], jobs=jobs
        )


def report(census: Census) -> object:
    """Everything that a report says of the pages, without times and names."""
    described = document(Estimate(census, compare(census, RULES)))
    for entry in described["algorithms"].values():
        del entry["compress_ns_per_page"], entry["decompress_ns_per_page"]
    return {key: described[key] for key in ("pages", "algorithms", "systems")}, described["dedup"][
        "histogram"
    ]


@few_scans
@given(page_numbers, st.integers(1, 3), st.booleans())
def test_jobs_and_compression_change_nothing(numbers: list[int], jobs: int, packed: bool) -> None:
    assert report(census(pages(numbers), jobs=jobs, packed=packed)) == report(
        census(pages(numbers))
    )


@few_scans
@given(page_numbers, st.randoms(use_true_random=False))
def test_the_order_of_pages_changes_nothing(numbers: list[int], draw: random.Random) -> None:
    shuffled = numbers.copy()
    draw.shuffle(shuffled)
    assert report(census(pages(shuffled))) == report(census(pages(numbers)))


@few_scans
@given(page_numbers, st.data())
def test_cutting_a_dump_in_two_changes_nothing(numbers: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(numbers)))
    parts = [part for part in (numbers[:cut], numbers[cut:]) if part]
    assert report(census(*map(pages, parts))) == report(census(pages(numbers)))


@few_scans
@given(st.lists(page_numbers, min_size=1, max_size=4))
def test_what_sources_share_and_what_each_has(parts: list[list[int]]) -> None:
    whole = census(*map(pages, parts))
    data = [{number for number in part if number >= 4} for part in parts]
    assert shared_between_sources(whole) == sum(map(len, data)) - len(set().union(*data))
    groups = by_source(whole, whole.measured[0])
    for part, contents, group in zip(parts, data, groups, strict=True):
        assert (group.pages, group.distinct) == (len(part), len(contents))
        assert (group.zero, group.same_filled) == (
            part.count(0),
            sum(0 < number < 4 for number in part),
        )
        assert group.duplicate == len(part) - sum(number < 4 for number in part) - len(contents)


@few_scans
@given(page_numbers, page_numbers, page_numbers)
def test_merging_is_associative_and_equals_the_census_of_all(
    a: list[int], b: list[int], c: list[int]
) -> None:
    one, two, three = (census(pages(numbers)) for numbers in (a, b, c))
    left = merge([merge([one, two]), three])
    right = merge([one, merge([two, three])])
    for column in ("hash", "readable"):
        assert np.array_equal(getattr(left, column), getattr(right, column))
    assert [(s.first, s.pages) for s in left.sources] == [(s.first, s.pages) for s in right.sources]
    together = report(census(pages(a), pages(b), pages(c)))
    assert report(left) == report(right) == together


@few_scans
@given(page_numbers)
def test_every_page_is_of_one_kind(numbers: list[int]) -> None:
    counted = census(pages(numbers))
    described = document(Estimate(counted, compare(counted, RULES)))["pages"]
    assert (
        described["total"]
        == described["zero"] + described["same_filled"] + described["data"]
        == len(numbers)
    )
    assert described["data"] == described["distinct"] + described["duplicate"]


@given(
    st.lists(st.tuples(st.integers(1, PAGE), st.integers(1, 300)), max_size=20),
    st.integers(1, PAGE),
    st.sampled_from([4, 8, 10, 16]),
)
def test_a_pool_never_shrinks_when_a_page_is_added(
    objects: list[tuple[int, int]], added: int, chain_size: int
) -> None:
    payloads = np.zeros(PAGE + 1)
    for size, number in objects:
        payloads[size] += number
    more = payloads.copy()
    more[added] += 1
    classes = size_classes(PAGE, chain_size)
    before, after = pool(classes, payloads), pool(classes, more)
    assert after.bytes >= before.bytes
    assert after.bytes >= added


@few_scans
@given(page_numbers, st.integers(0, 80), st.sampled_from([None, 0.005]))
def test_no_document_holds_what_json_has_not(
    numbers: list[int], stop: int, error: float | None
) -> None:
    """Infinity and NaN, that is: however few contents were compressed before an interruption."""

    def progress(done: int, known: int) -> None:
        if done > stop:
            raise KeyboardInterrupt

    sampling = Sampling(error, pool_cost(Pool.ZRAM, RULES, PAGE)) if error else None
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(pages(numbers))
        counted = scan(
            [open_dump(Path(file.name), PAGE)],
            PAGE,
            [codecs.find("lz4")],
            jobs=1,
            sampling=sampling,
            progress=progress,
        )
    described = document(Estimate(counted, compare(counted, RULES)))
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    for row in described["algorithms"].values():
        assert row["compressed_pages"] or not described["pages"]["data"]
