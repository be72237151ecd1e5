"""In a guest: the counters of zswap once all pages of a raw dump were pushed out into it.

Arguments: the dump, then COMPRESSOR:ALLOCATOR words (an allocator is what zswap calls a zpool).
Prints an object a word: `zswap` and `zswapped` (bytes, of /proc/meminfo), `swapped` (bytes of the
process that are out), `disk_writes` (pages that reached the swap area), `zeros` (zero pages swapped
out, since 6.12), `intact` (whether the same bytes came back), and the debugfs counters.
"""

import json
import re
import sys
from pathlib import Path

from tests.vm.guest import swapping

_PARAMETERS = Path("/sys/module/zswap/parameters")
_COUNTERS = Path("/sys/kernel/debug/zswap")
_AREA_BYTES = 128 << 20
_SUMS = ("disk_writes", "zeros")  # counted since boot


def pushed_out(dump: Path, compressor: str, allocator: str, area: Path) -> dict[str, int]:
    """The numbers once the dump's pages have left memory."""
    for name, value in (("compressor", compressor), ("zpool", allocator)):
        swapping.module(value)
        (_PARAMETERS / name).write_text(value)
        assert (_PARAMETERS / name).read_text().strip() == value
    # zswap gives pages back as it likes while an area is on; off, it holds nothing.
    swapping.swap_on(area)
    memory = swapping.memory_of(dump)
    before = _numbers(area)
    assert before["stored_pages"] == 0
    memory.madvise(swapping.MADV_PAGEOUT)
    after = _numbers(area)
    intact = memory[:] == dump.read_bytes()
    memory.close()
    swapping.run("swapoff", area)
    return after | {name: after[name] - before[name] for name in _SUMS} | {"intact": int(intact)}


def _numbers(area: Path) -> dict[str, int]:
    counters = {path.name: int(path.read_text()) for path in _COUNTERS.iterdir()}
    vmstat = _named("/proc/vmstat", r"^(\w+) (\d+)$")
    meminfo = _named("/proc/meminfo", r"^(\w+): +(\d+) kB$")
    smaps = _named("/proc/self/smaps_rollup", r"^(\w+): +(\d+) kB$")
    # Documentation/block/stat.rst: the seventh number counts sectors of 512 bytes written.
    sectors = (Path("/sys/block") / area.name / "stat").read_text().split()[6]
    return counters | {
        "zswap": meminfo["Zswap"] * 1024,
        "zswapped": meminfo["Zswapped"] * 1024,
        "swapped": smaps["Swap"] * 1024,
        "disk_writes": int(sectors) * 512 // swapping.PAGE,
        "zeros": vmstat.get("swpout_zero", 0),
    }


def _named(path: str, pattern: str) -> dict[str, int]:
    values = re.findall(pattern, Path(path).read_text(), re.MULTILINE)
    return {name: int(number) for name, number in values}


def main(dump: Path, words: list[str]) -> dict[str, dict[str, int]]:
    """The numbers for each word."""
    (_PARAMETERS / "max_pool_percent").write_text("50")
    (_PARAMETERS / "enabled").write_text("1")
    # A plain loop device: what goes to it is written at once, and seen in its statistics.
    area = swapping.loop_device("swap", _AREA_BYTES)
    numbers = {}
    for word in words:
        compressor, _, allocator = word.partition(":")
        numbers[word] = pushed_out(dump, compressor, allocator, area)
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2:])))
