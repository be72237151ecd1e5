"""The class tables are those of the kernel, for every build that people run."""

import numpy as np
import pytest

from ghostswap.kernel.zsmalloc import SizeClasses, pool, size_classes


@pytest.mark.parametrize(
    ("page_size", "chain_size", "classes", "huge_class_size"),
    [
        (4096, 4, 69, 3257),
        (4096, 8, 119, 3625),
        (4096, 10, 141, 3705),
        (4096, 16, 192, 3833),
        (16384, 8, 121, 14553),
        (65536, 8, 123, 58137),
    ],
)
def test_classes_are_merged_as_the_kernel_does(
    page_size: int, chain_size: int, classes: int, huge_class_size: int
) -> None:
    table = size_classes(page_size, chain_size)
    assert (len(table.size), table.huge_class_size) == (classes, huge_class_size)


def test_before_6_3_chains_were_of_four_pages_at_most() -> None:
    table = size_classes(4096, before_6_3=True)
    assert (len(table.size), table.huge_class_size) == (69, 3257)
    assert table.pages.max() == 4


def test_the_worked_example_of_the_kernel_documentation() -> None:
    # Documentation/mm/zsmalloc.rst: 13 objects of 1568 bytes take 5 pages in their own class,
    # and 6 where CONFIG_ZSMALLOC_CHAIN_SIZE=4 puts them into the class of 1632.
    objects = np.zeros(4097)
    objects[1560] = 13
    assert _class_of(size_classes(4096, 8), 1560) == (1568, 5, 13)
    assert _class_of(size_classes(4096, 4), 1560) == (1632, 2, 5)
    assert pool(size_classes(4096, 8), objects).bytes == 5 * 4096
    assert pool(size_classes(4096, 4), objects).bytes == 6 * 4096


def test_the_largest_payload_below_huge_shares_a_zspage_and_the_next_takes_a_page() -> None:
    table = size_classes(4096)
    assert _class_of(table, table.huge_class_size - 1)[1] > 1
    assert _class_of(table, table.huge_class_size) == (4096, 1, 1)


def test_an_object_more_never_takes_less() -> None:
    table = size_classes(4096)
    objects = np.zeros(4097)
    before = 0
    for payload in range(1, 4097, 7):
        objects[payload] += 1
        now = pool(table, objects).bytes
        assert now >= before
        before = now


def _class_of(table: SizeClasses, payload: int) -> tuple[int, int, int]:
    at = table.of_payload[payload]
    return int(table.size[at]), int(table.pages[at]), int(table.objects[at])
