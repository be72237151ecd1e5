"""In a guest: run pytest with the arguments given, against the guest's kernel.

Prints an object: the status pytest ended with, and what it wrote.
"""

import json
import subprocess
import sys

from tests.vm.guest import swapping


def main() -> None:
    """Load what tests of swap ask the kernel for, then run them."""
    for name in ("loop", "dm_mod", "ext4"):
        swapping.module(name)
    swapping.module("zram", "num_devices=0")
    # /run is a tmpfs: swap files need loop images there, not on the guest's overlay.
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp=/run/pytest"]
    done = subprocess.run(
        [*command, *sys.argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(json.dumps({"status": done.returncode, "output": done.stdout}))


if __name__ == "__main__":
    main()
