"""In a guest: what `ghostswap estimate-dedup` says of a process with huge pages, and what zswap
holds of it afterwards, in front of a block device that does not seek.

Prints `zswap`, the command's row for it, `thp_pages` of the process and how many the kernel has
`counted`, `pages` that are pushed out, how many of these went as `whole` huge pages or were `split`
for it, and how many zswap has `stored` then.
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


def swapped_out() -> tuple[int, int]:
    """Huge pages that went to swap since boot: unsplit, and split since no slots lay together."""
    counters = dict(line.split() for line in Path("/proc/vmstat").read_text().splitlines())
    return int(counters["thp_swpout"]), int(counters["thp_swpout_fallback"])


def in_huge_pages() -> int:
    """Pages of this process that lie in huge ones, as the kernel counts them."""
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return int(rollup.partition("AnonHugePages:")[2].split()[0]) * 1024 // swapping.PAGE


def main() -> dict[str, object]:
    """The estimate first, since it is about what is in memory."""
    _ZSWAP.write_text("1")
    area = swapping.loop_device("swap", 64 << 20)
    (Path("/sys/block") / area.name / "queue/rotational").write_text("0")
    swapping.swap_on(area)
    swapping.only_huge_pages_asked_for()
    memory = (huge_pages(_HUGE), single_pages(_SINGLE))
    ghostswap = (sys.executable, "-m", "ghostswap", "estimate-dedup", "--json")
    document = json.loads(swapping.run(*ghostswap, "--algorithm", "lzo", "--pid", os.getpid()))
    (zswap,) = (row for row in document["systems"] if row["system"] == "zswap")
    counted = in_huge_pages()
    before = swapped_out()
    for part in memory:
        part.madvise(swapping.MADV_PAGEOUT)
    whole, split = (now - then for now, then in zip(swapped_out(), before, strict=True))
    return {
        "zswap": zswap,
        "thp_pages": document["thp_pages"],
        "counted": counted,
        "pages": sum(map(len, memory)) // swapping.PAGE,
        "whole": whole * _PAGES,
        "split": split * _PAGES,
        "stored": int(_STORED.read_text()),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
