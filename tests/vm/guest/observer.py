"""In a guest: does an estimate change what is swapped next?

Two processes with as many cold pages each are in one control group; one of them is measured twice,
by reading the process or the frames; then reclaim takes as many pages as one has. Argument: how
many pages. Prints, for both ways, the measured pages that are marked as used before and after, how
many could be read and are resident, and how many of each process went to swap.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from ghostswap.pages import process
from tests.vm.guest.idle import GROUP, quietly, swapped, zram_swap
from tests.vm.guest.swapping import PAGE

_HOLDER = (
    "import ctypes,mmap,os,sys;"
    "m=mmap.mmap(-1,{pages}*4096,flags=mmap.MAP_PRIVATE|mmap.MAP_ANONYMOUS);m.madvise(15);"
    "[m.write(os.urandom(1024)+bytes(3072)) for _ in range({pages})];"
    "print(ctypes.addressof(ctypes.c_char.from_buffer(m)),flush=True);sys.stdin.read()"
)
_USED = np.uint64(1 << 2 | 1 << 6)  # REFERENCED, ACTIVE: include/uapi/linux/kernel-page-flags.h
_FRAME = np.uint64((1 << 55) - 1)


class Holder:
    """A process in the group that never touches its pages again."""

    def __init__(self, pages: int, ending: ExitStack) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER.format(pages=pages)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=lambda: (GROUP / "cgroup.procs").write_text("0"),
        )
        ending.callback(self.process.wait)
        ending.callback(self.process.kill)
        assert self.process.stdout is not None
        address = int(self.process.stdout.readline())
        self.addresses = address + np.arange(pages, dtype=np.int64) * PAGE

    def resident(self) -> int:
        """The pages that the kernel counts for it: RssAnon + RssShmem."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        return sum(int(sizes[each].split()[0]) * 1024 // PAGE for each in ("RssAnon", "RssShmem"))

    def swapped(self) -> int:
        """How many of its pages are in swap."""
        return int(swapped(self.process.pid, self.addresses).sum())

    def used(self) -> int:
        """How many of its pages the LRU takes for used."""
        numbers = self.addresses // PAGE
        with Path(f"/proc/{self.process.pid}/pagemap").open("rb", buffering=0) as file:
            entries = _read(file.fileno(), int(numbers[0]), len(numbers)) & _FRAME
        with Path("/proc/kpageflags").open("rb", buffering=0) as file:
            flags = [_read(file.fileno(), frame, 1)[0] for frame in entries.tolist()]
        return int(np.count_nonzero(np.array(flags, dtype=np.uint64) & _USED))


def _read(fd: int, first: int, number: int) -> NDArray[np.uint64]:
    return np.frombuffer(os.pread(fd, number * 8, first * 8), dtype=np.uint64)


def reclaimed(measured: Holder, other: Holder, pages: int) -> tuple[int, int]:
    """Let the kernel take so many pages of both; how many of each it took."""
    for _ in range(8 * pages // 32):
        if measured.swapped() + other.swapped() >= pages:
            break
        try:
            (GROUP / "memory.reclaim").write_text(str(32 * PAGE))
        except OSError as error:
            print(f"reclaim: {error}", file=sys.stderr)
    return measured.swapped(), other.swapped()


def measure(pages: int) -> dict[str, Any]:
    """One way: whichever is in force."""
    with ExitStack() as ending:
        measured, other = Holder(pages, ending), Holder(pages, ending)
        before = measured.used()
        for _ in range(2):
            words = ["estimate-dedup", "--pid", measured.process.pid, "--json", "--jobs", "1"]
            status, printed, complaint = quietly(*words)
            assert status == 0, complaint
        (source,) = json.loads(printed)["sources"]
        after, resident = measured.used(), measured.resident()
        taken, of_other = reclaimed(measured, other, pages)
    return {
        "used": [before, after],
        "read": source["pages"],
        "resident": resident,
        "unreadable": source["unreadable_pages"],
        "measured_swapped": taken,
        "other_swapped": of_other,
    }


def main(pages: int) -> dict[str, Any]:
    """Both ways."""
    # khugepaged would fill holes while pages are counted.
    Path("/sys/kernel/mm/transparent_hugepage/enabled").write_text("never")
    Path("/sys/fs/cgroup/cgroup.subtree_control").write_text("+memory")
    GROUP.mkdir()
    zram_swap()
    with patch.object(process, "physical_memory", lambda: None):
        by_process = measure(pages)
    return {"process": by_process, "frames": measure(pages)}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
