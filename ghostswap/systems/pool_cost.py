"""What one more object of each size adds to a pool: from this a sample's error follows."""

import numpy as np

from ghostswap.census.sample_error import PoolCost
from ghostswap.kernel.rules import Rules
from ghostswap.kernel.zswap import Allocator
from ghostswap.systems.table import Pool


def pool_cost(pool: Pool, rules: Rules, page_size: int) -> PoolCost:
    """The cost of objects in a pool of compressed pages.

    zbud and z3fold, which put objects together as they come, are taken to charge by the byte.
    """
    stored = np.minimum(np.arange(page_size + 2), page_size)
    refused = np.zeros(page_size + 2, dtype=np.bool_)
    if pool is Pool.ZRAM:
        stored[rules.classes(page_size).huge_class_size :] = page_size
    else:
        refused[rules.largest_payload(page_size) + 1 :] = True
        if rules.allocator is not Allocator.ZSMALLOC:
            one_class = np.zeros(page_size + 2, dtype=np.int64)
            return PoolCost(np.where(refused, 0.0, stored), one_class, np.array([page_size * 1.0]))
    classes = rules.classes(page_size)
    zspage_bytes = classes.pages.astype(np.float64) * page_size
    class_of_size = classes.of_payload[stored]
    of_size = (zspage_bytes / classes.objects)[class_of_size]
    return PoolCost(np.where(refused, 0.0, of_size), class_of_size, zspage_bytes)
