"""Debian's Linux 6.12: what the estimate says of zram is what its zram says of the same pages."""

from pathlib import Path
from typing import Any

import pytest

from tests.dumps import PAGE
from tests.estimates import estimate, system
from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

BOUNDS = {"lz4": 0.0002, "zstd": 0.0002}  # of compr_data_size


@pytest.fixture(scope="module")
def real(process_pages: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("vm")
    answer = run_in_guest(debian_kernel("6.12"), folder, "zram", process_pages, *BOUNDS)
    assert isinstance(answer, dict)
    return answer


@pytest.mark.parametrize("algorithm", BOUNDS)
def test_a_process_takes_what_zram_takes_for_it(
    algorithm: str, process_pages: Path, real: dict[str, Any]
) -> None:
    told = system(estimate(process_pages, "--algorithm", algorithm), "zram", algorithm)
    stat = real[algorithm]
    if stat is None:
        pytest.skip(f"this kernel's zram has no {algorithm}")
    assert told["pages_stored"] * PAGE == stat["orig_data_size"]
    assert told["same_pages"] == stat["same_pages"]
    assert told["huge_pages"] == stat["huge_pages"]
    assert told["compressed_bytes"] == pytest.approx(stat["compr_data_size"], rel=BOUNDS[algorithm])
    bound = max(0.002 * stat["mem_used_total"], 16 * PAGE)
    assert abs(told["pool_bytes"] - stat["mem_used_total"]) <= bound
