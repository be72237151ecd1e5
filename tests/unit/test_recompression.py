"""What zram of Linux 6.12 made of the pages of a CPython process when it recompressed them.

tests/fixtures/recompression: how large each data page is by lz4 and by zstd, and how many are so;
and mm_stat after a recompression and a compaction, as tests/vm/test_recompress.py has them.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from ghostswap.kernel.recompression import Recompression
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zsmalloc import pool, size_classes
from ghostswap.systems.zram import huge_stored_raw

PAGE = 4096
FIGURES = Path(__file__).parents[1] / "fixtures/recompression"
MM_STAT = json.loads((FIGURES / "mm_stat.json").read_text())


@pytest.mark.parametrize("option", MM_STAT)
def test_objects_are_replaced_as_zram_replaced_them(option: str) -> None:
    with np.load(FIGURES / "lz4-zstd.npz") as arrays:
        (rows,) = arrays.values()
    lz4, zstd, pages = rows.T
    classes = size_classes(PAGE)
    replaced = Recompression.parse(option).replaces(lz4, zstd, classes)
    assert replaced.any()
    left = np.where(replaced, zstd, lz4)
    objects = np.bincount(left, pages, PAGE + 2).astype(np.float64)
    payloads, huge = huge_stored_raw(objects, classes)

    real = MM_STAT[option]
    assert huge == real["huge_pages"]
    assert payloads @ np.arange(len(payloads)) == pytest.approx(real["compr_data_size"], rel=0.0002)
    assert pool(classes, payloads).bytes == pytest.approx(real["mem_used_total"], rel=0.003)


def test_the_threshold_is_the_least_that_is_tried_and_the_least_that_is_not_kept() -> None:
    """recompress_slot(), drivers/block/zram/zram_drv.c (Linux 6.12)."""
    first = np.array([2000, 1999, 3000, 3000], dtype=np.uint16)
    second = np.array([100, 100, 1999, 2000], dtype=np.uint16)
    way = Recompression.parse("zstd:threshold=2000")
    assert way.replaces(first, second, size_classes(PAGE)).tolist() == [True, False, True, False]


def test_zram_recompresses_since_6_2_with_a_threshold_below_what_is_huge() -> None:
    classes = size_classes(PAGE)
    largest = classes.huge_class_size - 1
    Recompression.parse(f"zstd:threshold={largest}").check(KernelVersion(6, 2), classes)
    with pytest.raises(ValueError, match=f"from {largest + 1} bytes on"):
        Recompression.parse(f"zstd:threshold={largest + 1}").check(KernelVersion(6, 2), classes)
    with pytest.raises(ValueError, match=r"since Linux 6\.2, not in 6\.1"):
        Recompression.parse("zstd").check(KernelVersion(6, 1), classes)
