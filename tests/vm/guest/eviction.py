"""In a guest: cold memory is swapped out while there is enough, then memory is filled until the
kernel kills; and meanwhile what kubelet would see.

Arguments: the size of a ghost as `--eviction` has it, for a threshold so many MiB above what the
kernel holds and keeps free; and by how much it is larger in a second run. Prints, by run: the
`threshold`, the `planned` pool of the first, the `size` of the area, the `least` memory.available
seen before a process was killed, and `swapped` and `pool`, bytes at that moment.
"""

import ctypes
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from ghostswap.application.plan import eviction_signal
from ghostswap.plan.eviction import Threshold
from tests.vm.guest import swapping
from tests.vm.guest.ghost_memory import BALLAST, HALF, ZSWAP
from tests.vm.guest.ghost_on_off import ghostswap, meminfo
from tests.vm.guest.swapping import MADV_NOHUGEPAGE, MADV_PAGEOUT, PAGE

_LEFT = 400 << 20  # bytes that are not taken at the beginning
_STAT = Path("/sys/fs/cgroup/memory.stat")
_MCL_CURRENT, _MCL_FUTURE = 1, 2
_RATIO = 1.75  # HALF is stored at 1.8
_EATER = f"""
import ctypes, mmap, sys, time
ctypes.CDLL(None).mlockall(1)
page, kept = sys.stdin.buffer.read({PAGE}), []
def take():
    area = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise({MADV_NOHUGEPAGE})
    area.write(page * (len(area) // len(page)))
    kept.append(area)
    return area
def free():
    return int(open("/proc/meminfo").read().partition("SwapFree:")[2].split()[0])
while free() > 1024:
    take().madvise({MADV_PAGEOUT})
while True:
    take()
    time.sleep(0.01)
"""


def _stay() -> None:
    """Keep this program in memory, lest it is read again and again when there is none left."""
    assert ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0


def available() -> int:
    """memory.available as kubelet works it out, in bytes."""
    found = re.findall(r"^(anon|file|inactive_file) (\d+)$", _STAT.read_text(), re.MULTILINE)
    stat = {name: int(number) for name, number in found}
    return meminfo("MemTotal") - (stat["anon"] + stat["file"] - stat["inactive_file"])


def filled(size: int) -> dict[str, int]:
    """What is seen while a process takes memory until it is killed."""
    ghostswap("on", "--size", size, "--no-writeback")
    with subprocess.Popen([sys.executable, "-c", _EATER], stdin=subprocess.PIPE) as eater:
        Path(f"/proc/{eater.pid}/oom_score_adj").write_text("1000")
        assert eater.stdin is not None
        eater.stdin.write(HALF)
        eater.stdin.close()
        facts = {"size": size, "least": available(), "swapped": 0, "pool": 0}
        while eater.poll() is None:
            now, pool = available(), meminfo("Zswap")
            swapped = meminfo("SwapTotal") - meminfo("SwapFree")
            if eater.poll() is None and now < facts["least"]:
                facts |= {"least": now, "swapped": swapped, "pool": pool}
            time.sleep(0.02)
        assert eater.returncode == -signal.SIGKILL
    ghostswap("off")
    return facts


def main(above: int, times: int) -> dict[str, dict[str, int]]:
    for name in ("lzo", "lzo-rle", "zsmalloc", "loop", "dm_mod"):
        swapping.module(name)
    for name, value in (("enabled", "1"), ("zpool", "zsmalloc"), ("max_pool_percent", "60")):
        (ZSWAP / name).write_text(value)
    Path("/proc/sys/vm/swappiness").write_text("200")
    _stay()
    BALLAST.mkdir(exist_ok=True)
    swapping.run("mount", "-t", "ramfs", "ballast", BALLAST)
    with (BALLAST / "file").open("wb") as file:
        for _ in range(meminfo("MemAvailable") - _LEFT >> 20):
            file.write(bytes(1 << 20))
    now = eviction_signal(Path("/"), Threshold())
    threshold = (now.kernel_bytes + now.reserved_bytes >> 10) + (above << 10)  # KiB
    words = ("plan", "--ratio", _RATIO, "--margin", 0, "--demand", "capacity")
    (size,) = ghostswap(*words, "--eviction", f"{threshold}Ki", "--print", "bytes").split()
    common = {"threshold": threshold << 10, "planned": int(int(size) / _RATIO)}
    return {
        "so sized": common | filled(int(size)),
        "larger": common | filled(int(size) * times),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
