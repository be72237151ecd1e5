"""zbud and z3fold, two and three objects a page, counted by hand.

Source: mm/zbud.c and mm/z3fold.c (Linux 6.1). A page of 4 KiB is 64 chunks of 64 bytes, one of them
the header.
"""

import numpy as np
import pytest

from ghostswap.kernel.zbud import z3fold, zbud, zbud_largest

PAGE = 4096


@pytest.mark.parametrize(
    ("objects", "in_zbud", "in_z3fold"),
    [
        ({}, 0, 0),
        ({1: 1}, 1, 1),
        ({1984: 4}, 2, 2),  # 31 chunks each
        ({1985: 4}, 4, 4),  # 32, and twice that is all 64
        ({1344: 9}, 5, 3),  # 21: three times are the 63 that are left
        ({1345: 9}, 5, 5),
        ({2560: 1, 1472: 1}, 1, 1),  # 40 and 23
        ({3968: 1, 64: 1}, 1, 1),  # 62 and 1: beside the largest that zbud takes
        ({4000: 2}, 2, 2),
        ({1984: 400_000}, 200_000, 200_000),  # more than are placed one by one
    ],
)
def test_objects_share_a_page_where_their_chunks_fit(
    objects: dict[int, int], in_zbud: int, in_z3fold: int
) -> None:
    counts = np.zeros(PAGE + 1)
    for size, number in objects.items():
        counts[size] = number
    assert zbud(counts, PAGE) == in_zbud * PAGE
    assert z3fold(counts, PAGE) == in_z3fold * PAGE


def test_the_largest_object_leaves_two_chunks_free() -> None:
    assert zbud_largest(PAGE) == 3968
    assert zbud_largest(65536) == 63488
