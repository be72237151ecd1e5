"""Run pytest against another kernel, Debian's own, booted in QEMU.

    python -m tests.vm 6.12 -- tests/kernel/test_inspect_host.py -v

Prints what pytest wrote in the guest, and ends with its status. The guest sees this machine's files
and cannot change them; the kernel is downloaded once, by apt, into the user's cache.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

_USAGE = "usage: python -m tests.vm KERNEL -- PYTEST-ARGUMENT..."


def main(words: list[str]) -> int:
    """The status that pytest ended with in the guest; 2 for a wrong command line."""
    match words:
        case [version, "--", *arguments] if arguments:
            pass
        case _:
            print(_USAGE, file=sys.stderr)
            return 2
    try:
        with TemporaryDirectory() as folder:
            ended = run_in_guest(
                debian_kernel(version), Path(folder), "kernel_tests", *arguments, timeout=1800.0
            )
    except (pytest.skip.Exception, pytest.fail.Exception, AssertionError) as error:
        print(error, file=sys.stderr)
        return 1
    print(ended["output"], end="")
    status: int = ended["status"]
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
