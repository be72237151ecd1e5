"""In a guest: run pytest with the arguments given, against the guest's kernel.

Prints an object: the status pytest ended with, and what it wrote.
"""

import json
import os
import subprocess
import sys

from tests.vm.guest import swapping

_DISK_BYTES = 1 << 30


def main() -> None:
    """Load what tests of swap ask the kernel for, then run them."""
    for name in ("loop", "dm_mod", "ext4", "xfs", "btrfs"):
        swapping.module(name)
    swapping.module("zram", "num_devices=0")
    # Swap files can live on neither the guest's overlay nor a tmpfs.
    disk = swapping.ext4("pytest", _DISK_BYTES)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    command += ["-o", "tmp_path_retention_policy=failed"]
    done = subprocess.run(
        [*command, *sys.argv[1:]],
        env=os.environ | {"PYTEST_DEBUG_TEMPROOT": str(disk)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(json.dumps({"status": done.returncode, "output": done.stdout}))


if __name__ == "__main__":
    main()
