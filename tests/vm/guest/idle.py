"""In a guest: pages known to be hot, warm or cold, watched by one tracker.

Arguments: the tracker, how many pages, for how many seconds. Prints an object.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from ghostswap.idle.tracker import TrackerName, find_tracker
from ghostswap.idle.watch import watch
from tests.vm.guest.swapping import PAGE
from tests.vm.guest.touching import Heat, heats


def main(name: str, pages: int, seconds: float) -> dict[str, object]:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.vm.guest.touching", str(pages)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    address = int(child.stdout.readline())
    numbers = np.arange(pages, dtype=np.int64)
    found = watch(
        find_tracker(Path("/"), TrackerName(name)),
        np.full(pages, child.pid),
        address + numbers * PAGE,
        PAGE,
        seconds,
    )
    kind = np.array(heats(pages))
    child.kill()
    return {
        "seconds": found.seconds,
        "cpu_share": found.cpu_share,
        "followed": {heat: int(found.followed[kind == heat].sum()) for heat in Heat},
        "idle": {heat: int(found.idle[kind == heat].sum()) for heat in Heat},
        "pages": {heat: int((kind == heat).sum()) for heat in Heat},
        "ages": np.unique(np.round(found.untouched, 2), return_counts=True)[0].tolist()[:40],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
