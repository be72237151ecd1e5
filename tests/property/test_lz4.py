"""lz4 as a model in C: what the rules make of any page, each page by itself."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostswap.census import models
from tests.property.test_lzorle import blocks

COMPILED = models.load("lz4")
PAGE = 4096
pytestmark = pytest.mark.skipif(
    COMPILED is None, reason="no C compiler was there at the installation"
)


def by_rules(page: bytes) -> int:
    """The length by the rules as they read, without any of what makes the model fast."""

    def extension(length: int) -> int:
        return 0 if length < 15 else 1 + (length - 15) // 255

    def place(at: int) -> int:
        return (int.from_bytes(page[at : at + 4], sys.byteorder) * 2654435761 & 0xFFFFFFFF) >> 19

    def same(at: int, match: int) -> bool:
        return page[at : at + 4] == page[match : match + 4]

    last_begin, match_end = len(page) - 12, len(page) - 5
    positions: dict[int, int] = {}
    length = literals = 0
    at = 1
    if len(page) > 12:
        positions[place(0)] = 0
    while len(page) > 12:
        tries, step = 64, 1
        while True:
            if at + step > last_begin:
                return length + 1 + extension(len(page) - literals) + len(page) - literals
            match = positions.get(place(at), 0)
            positions[place(at)] = at
            if same(at, match):
                break
            at, step, tries = at + step, tries >> 6, tries + 1
        while at > literals and match > 0 and page[at - 1] == page[match - 1]:
            at, match = at - 1, match - 1
        length += 1 + extension(at - literals) + at - literals
        while True:
            begin = at
            at, match = at + 4, match + 4
            while at < match_end and page[at] == page[match]:
                at, match = at + 1, match + 1
            length += 2 + extension(at - begin - 4)
            literals = at
            if at > last_begin:
                return length + 1 + extension(len(page) - at) + len(page) - at
            positions[place(at - 2)] = at - 2
            match = positions.get(place(at), 0)
            positions[place(at)] = at
            if not same(at, match):
                break
            length += 1
        at += 1
    return length + 1 + len(page)


def by_model(block: memoryview, offsets: list[int], size: int) -> list[int]:
    assert COMPILED is not None
    lengths: list[int] = COMPILED(block, np.array(offsets, dtype=np.int64), size).tolist()
    return lengths


@settings(max_examples=300, deadline=None)
@given(blocks())
def test_a_block_takes_what_the_rules_say(block: bytearray) -> None:
    assert by_model(memoryview(block), [0], len(block)) == [by_rules(bytes(block))]


@settings(max_examples=100, deadline=None)
@given(st.lists(blocks().filter(lambda block: len(block) == PAGE), min_size=1, max_size=40))
def test_pages_do_not_hear_of_each_other(pages: list[bytearray]) -> None:
    """Though the table of positions is emptied only now and then."""
    memory = memoryview(bytearray().join(pages))
    together = by_model(memory, [PAGE * at for at in range(len(pages))], PAGE)
    alone = [by_model(memoryview(page), [0], PAGE)[0] for page in pages]
    assert together == alone


@pytest.mark.parametrize("offsets", [[-1], [1], [0, PAGE]])
def test_a_page_outside_of_the_memory_is_refused(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        by_model(memoryview(bytearray(PAGE)), offsets, PAGE)
