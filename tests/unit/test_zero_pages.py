"""Zero pages taken out of a comparison leave what it says of a dump that has none."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from ghostswap.application.estimate import estimate
from ghostswap.application.method import Method
from ghostswap.application.sources import Sources
from ghostswap.census.coverage import NOTHING_LEFT_OUT
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion

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
