"""In a guest: what `ghostswap estimate-dedup` says of a process with huge pages, and what zswap
holds of it afterwards, in front of a block device that does not seek.

Prints `zswap`, the command's row for it, `thp_pages` of the process, `pages` that are pushed out,
how many of these went as `whole` huge pages, and how many zswap has `stored` then.
"""

import json
import os
import sys
from pathlib import Path

from tests.vm.guest import swapping
from tests.vm.guest.ghost_memory import huge_pages, single_pages

_ZSWAP = Path("/sys/module/zswap/parameters/enabled")
_STORED = Path("/sys/kernel/debug/zswap/stored_pages")
_HUGE, _SINGLE = 16 << 20, 8 << 20
_PAGES = 512  # in a huge page


def thp_swpout() -> int:
    """Huge pages that were written to swap unsplit since boot."""
    counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return int(counters["thp_swpout"])


def main() -> dict[str, object]:
    """The estimate first, since it is about what is in memory."""
    _ZSWAP.write_text("1")
    area = swapping.loop_device("swap", 64 << 20)
    (Path("/sys/block") / area.name / "queue/rotational").write_text("0")
    swapping.swap_on(area)
    Path("/sys/kernel/mm/transparent_hugepage/enabled").write_text("madvise")
    memory = (huge_pages(_HUGE), single_pages(_SINGLE))
    ghostswap = (sys.executable, "-m", "ghostswap", "estimate-dedup", "--json")
    document = json.loads(swapping.run(*ghostswap, "--algorithm", "lzo", "--pid", os.getpid()))
    (zswap,) = (row for row in document["systems"] if row["system"] == "zswap")
    before = thp_swpout()
    for part in memory:
        part.madvise(swapping.MADV_PAGEOUT)
    return {
        "zswap": zswap,
        "thp_pages": document["thp_pages"],
        "pages": sum(map(len, memory)) // swapping.PAGE,
        "whole": (thp_swpout() - before) * _PAGES,
        "stored": int(_STORED.read_text()),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
