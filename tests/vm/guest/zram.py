"""In a guest: mm_stat of a fresh zram device that was fed with a raw dump, for each algorithm.

Arguments: the dump, then algorithms. Prints an object: algorithm to counters; null for one that
this kernel lacks.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from ghostswap.errors import GhostswapError
from ghostswap.host.zram import MmStat
from ghostswap.host.zram_device import zram_device

_BATCH = 1 << 20


def fed(dump: Path, algorithm: str) -> MmStat | None:
    """The device's counters afterwards."""
    try:
        with zram_device(algorithm, dump.stat().st_size) as device, dump.open("rb") as file:
            offset = 0
            while batch := file.read(_BATCH):
                device.write(memoryview(batch), offset)
                offset += len(batch)
            return device.mm_stat()
    except GhostswapError as error:
        if "this kernel has no" in str(error):
            return None
        raise


if __name__ == "__main__":
    subprocess.run(["modprobe", "zram", "num_devices=0"], check=True)
    stats = {name: fed(Path(sys.argv[1]), name) for name in sys.argv[2:]}
    print(json.dumps({name: stat and dataclasses.asdict(stat) for name, stat in stats.items()}))
