"""The tests of reading live processes, run against Debian's 6.1 and 6.12."""

from pathlib import Path

import pytest

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

# PAGEMAP_SCAN is there since 6.7, so 6.1 reads pagemap entry by entry.
FILES = ("test_pieces.py", "test_pressure.py", "test_live.py")
# What takes minutes each in an emulated processor, and is about time and memory.
LEFT_OUT = (
    "test_pages_mapped_over_and_over_cost_no_memory",
    "test_many_processes_are_measured_at_once",
    "test_hundreds_of_refusals_are_a_few_lines",
    "test_processes_that_come_and_go_are_no_error",
)


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_live_scans_count_what_other_kernels_count(version: str, tmp_path: Path) -> None:
    arguments = [f"tests/kernel/{name}" for name in FILES]
    arguments += ["-rs", "-k", " and ".join(f"not {name}" for name in LEFT_OUT)]
    ended = run_in_guest(
        debian_kernel(version), tmp_path, "kernel_tests", *arguments, timeout=2400.0
    )
    assert ended["status"] == 0, ended["output"]
