"""How many pages zbud and z3fold take for objects of given sizes: two or three objects a page.

Both depend on the order in which objects come, which a histogram does not keep: the objects are put
in a random order that is always the same. Source: mm/zbud.c, zbud_alloc(), and mm/z3fold.c,
z3fold_alloc() (Linux 6.1).
"""

import numpy as np

from ghostswap.kernel.zsmalloc import Counts

_CHUNKS = 64  # NCHUNKS_ORDER 6: a page is 64 chunks, the first of which is the header
_USABLE = _CHUNKS - 1
_SIMULATED = 200_000  # objects placed one by one; more than these are scaled up
_SEED = 1


def zbud_largest(page_size: int) -> int:
    """The largest object that zbud takes: the header's chunk and one more stay free."""
    return page_size - 2 * (page_size // _CHUNKS)


def zbud(objects: Counts, page_size: int) -> int:
    """Bytes that zbud takes: a page holds two objects. `objects[n]` are of n bytes."""
    return _place(objects, page_size, objects_a_page=2)


def z3fold(objects: Counts, page_size: int) -> int:
    """Bytes that z3fold takes: a page holds three objects, or one that fits nowhere else.

    Taken as if a page's objects were always moved together; the kernel does that later or not at
    all, so it may take more.
    """
    return _place(objects, page_size, objects_a_page=3)


def _place(objects: Counts, page_size: int, objects_a_page: int) -> int:
    chunk = page_size // _CHUNKS
    sizes = np.arange(len(objects))
    shared = sizes <= zbud_largest(page_size)
    alone = float(objects[~shared].sum())
    counts = np.bincount(-(-sizes[shared] // chunk), weights=objects[shared], minlength=_CHUNKS)
    scale = max(float(counts.sum()) / _SIMULATED, 1.0)
    order = np.repeat(np.arange(len(counts)), np.round(counts / scale).astype(np.int64))
    np.random.default_rng(_SEED).shuffle(order)
    return round(_pages_for(order.tolist(), objects_a_page) * scale + alone) * page_size


def _pages_for(chunks: list[int], objects_a_page: int) -> int:
    """Pages taken when each object goes into the fullest page that has room for it."""
    # open_pages[n][f]: how many pages hold n objects and have f chunks free; masks[n] says for
    # which f there is one. 0.4 µs an object.
    open_pages = [[0] * _CHUNKS for _ in range(objects_a_page)]
    masks = [0] * objects_a_page
    pages = 0
    for size in chunks:
        best = -1
        held = 0
        for number in range(1, objects_a_page):
            fitting = masks[number] >> size
            if fitting:
                free = size + (fitting & -fitting).bit_length() - 1
                if best < 0 or free < best:
                    best, held = free, number
        if best < 0:
            pages += 1
            best = _USABLE
        else:
            open_pages[held][best] -= 1
            if not open_pages[held][best]:
                masks[held] &= ~(1 << best)
        if held + 1 < objects_a_page and best > size:
            open_pages[held + 1][best - size] += 1
            masks[held + 1] |= 1 << (best - size)
    return pages
