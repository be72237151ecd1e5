"""zram's counters are read as the driver writes them, by old kernels and new; rubbish is None."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.host.zram import (
    parse_algorithms,
    parse_bd_stat,
    parse_io_stat,
    parse_mm_stat,
    parse_recompression,
)

counts = st.integers(0, 2**64 - 1)
no_digits = st.characters(exclude_categories=["Nd"])
words = st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True)


def columns(numbers: list[int]) -> str:
    """As mm_stat_show() and its like write them: right-aligned in eight places."""
    return " ".join(f"{number:8d}" for number in numbers) + "\n"


@given(st.lists(counts, min_size=8, max_size=12))
def test_mm_stat_is_read_from_any_kernel(numbers: list[int]) -> None:
    stat = parse_mm_stat(columns(numbers))
    expected = [*numbers[:9], *[None] * (9 - len(numbers))]
    assert list(astuple(stat)) == expected


@given(st.lists(counts, min_size=4, max_size=4))
def test_io_stat_skips_the_column_that_lost_its_meaning(numbers: list[int]) -> None:
    stat = parse_io_stat(columns(numbers))
    assert astuple(stat) == (numbers[0], numbers[1], numbers[3])


@given(st.lists(counts, min_size=3, max_size=3))
def test_bd_stat_counts_blocks_of_4096_bytes(numbers: list[int]) -> None:
    stat = parse_bd_stat(columns(numbers))
    assert astuple(stat) == tuple(number * 4096 for number in numbers)


@given(st.lists(words, unique=True, min_size=1), st.data())
def test_the_algorithm_in_brackets_is_the_chosen_one(names: list[str], data: st.DataObject) -> None:
    some = data.draw(st.sampled_from(names))
    text = " ".join(f"[{name}]" if name == some else name for name in names)
    assert parse_algorithms(text) == (some, tuple(names))


@given(st.lists(st.tuples(st.integers(1, 3), words), max_size=3))
def test_recompression_names_priority_and_algorithm(some: list[tuple[int, str]]) -> None:
    text = "".join(f"#{priority}: a [{name}] b\n" for priority, name in some)
    assert [astuple(each) for each in parse_recompression(text + "#1: none chosen\n")] == some


@given(st.text(no_digits) | st.lists(counts, max_size=2).map(columns))
def test_anything_else_is_refused_with_a_value_error(text: str) -> None:
    for parse in (parse_mm_stat, parse_io_stat, parse_bd_stat):
        with pytest.raises(ValueError, match=r".*"):
            parse(text)
    parse_algorithms(text)
    parse_recompression(text)
