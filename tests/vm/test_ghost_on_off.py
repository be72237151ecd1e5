"""`ghostswap on` and `off` under stock kernels that have device mapper."""

from pathlib import Path

import pytest

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_a_ghost_area_works_on_a_stock_kernel(version: str, tmp_path: Path) -> None:
    facts = run_in_guest(debian_kernel(version), tmp_path, "ghost_on_off", timeout=900)
    print(version, facts)
    assert facts["zswapped"] > 1 << 20
    assert facts["write_errors"] > 0, "noise is refused by zswap before 6.18"
    assert facts["quiet_write_errors"] in (None, 0)
    assert facts["steps"] >= 6
