"""In a guest: what /proc and /sys hold of swap on a host where all of it is in use at once.

Prints an object: path below / to text. The host has a small zram device over a swapfile, zswap in
front of both, KSM merging, and a control group with limits.
"""

import json
import mmap
import os
import random
import time
from pathlib import Path

from tests.vm.guest import swapping
from tests.vm.guest.swapping import PAGE

ROOT = Path("/")
FILES = (
    "proc/cmdline",
    "proc/filesystems",
    "proc/meminfo",
    "proc/mounts",
    "proc/swaps",
    "proc/sys/kernel/osrelease",
    "proc/sys/vm/overcommit_memory",
    "proc/sys/vm/page-cluster",
    "proc/sys/vm/swappiness",
    "proc/version",
    "proc/vmstat",
    "sys/block/loop*/loop/backing_file",
    "sys/block/zram*/*_algorithm",
    "sys/block/zram*/*_dev",
    "sys/block/zram*/*_limit*",
    "sys/block/zram*/*_stat",
    "sys/block/zram*/disksize",
    "sys/block/zram*/initstate",
    "sys/fs/cgroup/**/memory.*",
    "sys/kernel/debug/zswap/*",
    "sys/kernel/mm/ksm/*",
    "sys/kernel/mm/swap/*",
    "sys/kernel/mm/transparent_hugepage/enabled",
    "sys/module/zswap/parameters/*",
    "sys/power/resume*",
)
_MIB = 1 << 20
_KSM_SECONDS = 60.0


def main() -> None:
    """Set the host up, then read it."""
    group = ROOT / "sys/fs/cgroup/service.slice"
    (ROOT / "sys/fs/cgroup/cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    (group / "memory.high").write_text(str(512 * _MIB))
    if (limit := group / "memory.zswap.max").exists():
        limit.write_text(str(32 * _MIB))
    (group / "cgroup.procs").write_text(str(os.getpid()))

    swapping.module("zram", "num_devices=1")
    zram = ROOT / "sys/block/zram0"
    (zram / "comp_algorithm").write_text("zstd")
    (zram / "disksize").write_text(str(24 * _MIB))
    swapping.swap_on(Path("/dev/zram0"), priority=100)
    folder = swapping.ext4("swap files", 96 * _MIB)
    swapfile = folder / "swap file"
    swapfile.touch(mode=0o600)
    swapping.run("fallocate", "--length", 64 * _MIB, swapfile)
    swapping.swap_on(swapfile)

    kept = [_pushed_out(16 * _MIB, seed=1)]
    (ROOT / "sys/module/zswap/parameters/enabled").write_text("1")
    kept.append(_pushed_out(24 * _MIB, seed=2))
    kept += _merged()
    print(json.dumps(_read()))
    for memory in kept:
        memory.close()


def _pages(size: int, seed: int) -> bytes:
    """Zero, same-filled, compressible and incompressible pages."""
    draw = random.Random(seed)

    def page(kind: str) -> bytes:
        match kind:
            case "zero":
                return bytes(PAGE)
            case "same-filled":
                return draw.randbytes(8) * (PAGE // 8)
            case "compressible":
                return draw.randbytes(PAGE // 3).ljust(PAGE, b".")
            case _:
                return draw.randbytes(PAGE)

    kinds = ("zero", "same-filled", "compressible", "random")
    return b"".join(page(kind) for kind in draw.choices(kinds, (10, 2, 86, 2), k=size // PAGE))


def _pushed_out(size: int, seed: int) -> mmap.mmap:
    area = swapping.memory(size)
    area.write(_pages(size, seed))
    area.madvise(swapping.MADV_PAGEOUT)
    return area


def _merged() -> list[mmap.mmap]:
    """Memory that KSM has found the copies in."""
    ksm = ROOT / "sys/kernel/mm/ksm"
    areas = []
    for _ in range(3):
        area = swapping.memory(_MIB)
        area.write(_pages(_MIB, seed=3))
        area.madvise(mmap.MADV_MERGEABLE)
        areas.append(area)
    (ksm / "pages_to_scan").write_text("2000")
    (ksm / "run").write_text("1")
    until = time.monotonic() + _KSM_SECONDS
    while int((ksm / "full_scans").read_text()) < 4 and time.monotonic() < until:
        time.sleep(0.2)
    return areas


def _read() -> dict[str, str]:
    """The files, without those that may only be written."""
    texts = {}
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            try:
                texts[str(path.relative_to(ROOT))] = path.read_text()
            except OSError:
                continue
    return texts


if __name__ == "__main__":
    main()
