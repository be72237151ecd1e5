"""In a guest: what all pages of a raw dump add to mm_stat of a zram device that is a swap area.

Arguments: the dump, an algorithm. Prints the counters, each less what it was before.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from ghostswap.host.zram_device import zram_device
from tests.vm.guest import swapping


def added(dump: Path, algorithm: str) -> dict[str, int]:
    """The counters once every page is out, less those of the empty area."""
    with zram_device(algorithm, 2 * dump.stat().st_size) as device:
        swapping.swap_on(device.path)
        memory = swapping.memory_of(dump)
        before = dataclasses.asdict(device.mm_stat())
        memory.madvise(swapping.MADV_PAGEOUT)
        after = dataclasses.asdict(device.mm_stat())
        assert memory[:] == dump.read_bytes(), "the pages came back changed"
        swapping.run("swapoff", device.path)
        return {name: after[name] - before[name] for name in after}


if __name__ == "__main__":
    subprocess.run(["modprobe", "zram", "num_devices=0"], check=True)
    print(json.dumps(added(Path(sys.argv[1]), sys.argv[2])))
