"""Zero pages taken out of a comparison leave what it says of a dump that has none."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ghostswap.application.estimate import estimate
from ghostswap.application.method import Method
from ghostswap.application.sources import Sources
from ghostswap.census.coverage import NOTHING_LEFT_OUT
from ghostswap.census.population import Copies, Population, SizeHistogram
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.systems.footprint import Footprint, System
from ghostswap.systems.table import SYSTEMS
from ghostswap.systems.zero_pages import without_zero

PAGE = 4096


@pytest.mark.parametrize("kernel", ["6.1", "6.18"])
@pytest.mark.parametrize("zero_pages", [1, 255, 256, 700])
def test_zero_pages_can_be_taken_out_afterwards(
    tmp_path: Path, kernel: str, zero_pages: int
) -> None:
    made = random.Random(2)
    pages = [(made.randbytes(300 + n) * PAGE)[:PAGE] for n in range(50)] * 2
    pages += [b"\1" * PAGE] * 3 + [made.randbytes(PAGE) for _ in range(5)]
    with_zeros, without = tmp_path / "with.raw", tmp_path / "without.raw"
    with_zeros.write_bytes(b"".join(pages) + bytes(zero_pages * PAGE))
    without.write_bytes(b"".join(pages))
    rules = rules_for(KernelVersion.parse(kernel), {})
    method = Method(page_size=PAGE, jobs=1)
    with_them, without_them = (
        estimate(Sources((path,)), method, rules).comparison for path in (with_zeros, without)
    )
    assert with_them.coverage == replace(NOTHING_LEFT_OUT, dump_zero_pages=zero_pages)
    assert with_them.without_dump_zeros() == without_them


@pytest.mark.parametrize("kernel", ["5.15", "6.1", "6.12", "6.18"])
@pytest.mark.parametrize("system", System)
def test_so_can_those_of_many_pages_whose_tables_grow_with_them(
    kernel: str, system: System
) -> None:
    rules = rules_for(KernelVersion.parse(kernel), {})

    def footprint(zero_pages: int) -> Footprint:
        sizes = np.zeros(PAGE + 2)
        sizes[[700, PAGE + 1]] = 300_000, 1000  # some of which zswap refuses
        none = SizeHistogram(np.zeros(PAGE + 2), np.zeros(PAGE + 2))
        copies = Copies(np.array([zero_pages, 1]), np.array([1, 301_000]))
        pages = Population(PAGE, "lz4", zero_pages, none, SizeHistogram(sizes, sizes), copies)
        return SYSTEMS[system].footprint(pages, rules)

    assert without_zero(footprint(90_050), 80_012, 90_050, rules) == footprint(10_038)
