"""`inspect` of the host agrees with Debian's 6.1 and 6.12 too, not only with the running kernel."""

from pathlib import Path

import pytest

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_inspect_says_what_this_kernel_says(version: str, tmp_path: Path) -> None:
    kernel = debian_kernel(version)
    ended = run_in_guest(
        kernel, tmp_path, "kernel_tests", "-rs", "tests/kernel/test_inspect_host.py"
    )
    assert ended["status"] == 0, ended["output"]
    assert "skipped" not in ended["output"], ended["output"]
