"""What the estimate says of zram is what zram itself says when it is fed the same pages."""

from pathlib import Path
from typing import Any

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.host.zram_device import MmStat, zram_device
from ghostswap.pages.file import open_dump
from tests.kernel.dumps import PAGE, mixed_dump, python_core
from tests.kernel.estimates import estimate, system


def fed_to_zram(dump: Path, algorithm: str) -> MmStat:
    """mm_stat of a fresh device after every page of the dump was written to it."""
    source = open_dump(dump, PAGE)
    reader = source.open()
    buffer = memoryview(bytearray(256 * PAGE))
    try:
        with zram_device(algorithm, source.runs.pages * PAGE) as device:
            for first in range(0, source.runs.pages, 256):
                count = min(256, source.runs.pages - first)
                assert reader.read(first, count, buffer).all()
                device.write(buffer[: count * PAGE], first * PAGE)
            return device.mm_stat()
    except GhostswapError as error:
        pytest.skip(str(error))


def assert_agrees(told: dict[str, Any], real: MmStat, compressed_bound: float) -> None:
    assert told["pages_stored"] * PAGE == real.orig_data_size
    assert told["same_pages"] == real.same_pages
    assert told["huge_pages"] == real.huge_pages
    assert told["compressed_bytes"] == pytest.approx(real.compr_data_size, rel=compressed_bound)
    bound = max(0.002 * real.mem_used_total, 16 * PAGE)
    assert abs(told["pool_bytes"] - real.mem_used_total) <= bound


def test_a_core_takes_what_zram_takes_for_it(tmp_path: Path) -> None:
    core = python_core(tmp_path)
    assert_agrees(system(estimate(core), "zram"), fed_to_zram(core, "lz4"), 0.0002)


def test_a_mixed_dump_takes_what_zram_takes_for_it(tmp_path: Path) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    assert_agrees(system(estimate(dump), "zram"), fed_to_zram(dump, "lz4"), 0.0002)
