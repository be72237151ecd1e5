"""How much memory zsmalloc takes for objects of given sizes: size classes and zspages.

Source: mm/zsmalloc.c, zs_create_pool() and calculate_zspage_chain_size() of Linux 6.18;
get_pages_per_zspage() of Linux 6.1.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]  # of objects by size: whole numbers, except in a sample

MIN_ALLOC_BYTES = 32  # ZS_MIN_ALLOC_SIZE on 64-bit
HANDLE_BYTES = 8  # ZS_HANDLE_SIZE: in each object, and once more in a slab of its own
ZSPAGE_BYTES = 56  # sizeof(struct zspage), Linux 6.18 x86-64
DEFAULT_CHAIN_SIZE = 8  # CONFIG_ZSMALLOC_CHAIN_SIZE
_OLD_CHAIN_SIZE = 4  # ZS_MAX_PAGES_PER_ZSPAGE before 6.3


@dataclass(frozen=True, slots=True)
class SizeClasses:
    """The size classes of one zsmalloc build, after merging; columns, smallest class first.

    A zspage of a class has `pages` pages and holds `objects` objects of `size` bytes. `of_payload`
    gives the class of a payload of 1 … page_size bytes (index 0 is unused). From `huge_class_size`
    bytes of payload on, an object takes a whole page (zs_huge_class_size()).
    """

    page_size: int
    size: NDArray[np.int64]
    pages: NDArray[np.int64]
    objects: NDArray[np.int64]
    of_payload: NDArray[np.int64]
    huge_class_size: int

    def slack_bytes(self, pool_bytes: int, payload_bytes: int) -> int:
        """What zspages that are not full may take of a pool: half a zspage of every class, and no
        more than the pool exceeds what it holds."""
        half = int(self.pages.sum()) * self.page_size // 2
        return max(0, min(half, pool_bytes - payload_bytes))


@dataclass(frozen=True, slots=True)
class Pool:
    """What a pool holds: objects, zspages, and their pages in bytes (zs_get_total_pages())."""

    objects: float
    zspages: int
    bytes: int

    @property
    def overhead_bytes(self) -> int:
        """Handles and struct zspage, which the pool's own counter leaves out."""
        return round(self.objects) * HANDLE_BYTES + self.zspages * ZSPAGE_BYTES


@cache
def size_classes(
    page_size: int, chain_size: int = DEFAULT_CHAIN_SIZE, *, before_6_3: bool = False
) -> SizeClasses:
    """The classes that zs_create_pool() makes, from the largest down, merging like ones.

    `chain_size` is CONFIG_ZSMALLOC_CHAIN_SIZE (4 … 16); `before_6_3` takes the older rule, which
    knew chains of four pages at most and is not configurable.
    """
    delta = page_size >> 8  # ZS_SIZE_CLASS_DELTA
    number = -(-(page_size - MIN_ALLOC_BYTES) // delta) + 1  # ZS_SIZE_CLASSES
    classes: list[tuple[int, int, int]] = []  # size, pages, objects; largest first
    class_of_index = [0] * number
    huge_class_size = 0
    for index in reversed(range(number)):
        size = min(MIN_ALLOC_BYTES + index * delta, page_size)
        pages = _old_chain(size, page_size) if before_6_3 else _chain(size, page_size, chain_size)
        objects = pages * page_size // size
        if pages != 1 and objects != 1 and not huge_class_size:
            huge_class_size = size - (HANDLE_BYTES - 1)
        if not classes or classes[-1][1:] != (pages, objects):
            classes.append((size, pages, objects))
        class_of_index[index] = len(classes) - 1

    columns = np.array(classes[::-1], dtype=np.int64).T
    payload = np.arange(page_size + 1)
    over = np.maximum(payload + HANDLE_BYTES - MIN_ALLOC_BYTES, 0)
    index_of_payload = np.minimum(-(-over // delta), number - 1)
    of_payload = len(classes) - 1 - np.array(class_of_index, dtype=np.int64)[index_of_payload]
    return SizeClasses(page_size, columns[0], columns[1], columns[2], of_payload, huge_class_size)


def _chain(size: int, page_size: int, chain_size: int) -> int:
    """calculate_zspage_chain_size(), since 6.3: the chain that wastes the fewest bytes."""
    if size & (size - 1) == 0:
        return 1
    return min(range(1, chain_size + 1), key=lambda pages: pages * page_size % size)


def _old_chain(size: int, page_size: int) -> int:
    """get_pages_per_zspage(), before 6.3: the chain of the best used percentage, rounded down."""

    def used_percent(pages: int) -> int:
        total = pages * page_size
        return (total - total % size) * 100 // total

    return max(range(1, _OLD_CHAIN_SIZE + 1), key=used_percent)


def pool(classes: SizeClasses, payloads: Counts) -> Pool:
    """A fresh pool that was given `payloads[n]` objects of n bytes, n up to the page size."""
    counts = payloads[: classes.page_size + 1]
    objects = np.bincount(classes.of_payload, weights=counts, minlength=len(classes.size))
    zspages = np.ceil(objects / classes.objects)
    return Pool(
        float(objects.sum()),
        int(zspages.sum()),
        int((zspages * classes.pages).sum()) * classes.page_size,
    )
