"""In a guest: `estimate-dedup --idle` of pages known to be hot, warm or cold, and then reclaim.

Arguments: the tracker, how many pages, for how many seconds. Prints an object: by heat how many
pages there were, were followed, were idle, and went to swap once the LRU was aged twice and reclaim
took as much as was idle; the estimate; and mm_stat of the zram device that they went to.
"""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.host.zram import parse_mm_stat
from ghostswap.idle.frames import entries
from ghostswap.idle.tracker import find_tracker
from ghostswap.idle.trackers import TrackerName
from ghostswap.idle.watch import watch
from tests.vm.guest import swapping
from tests.vm.guest.swapping import PAGE
from tests.vm.guest.touching import Heat, heats

GROUP = Path("/sys/fs/cgroup/touching")
_ZRAM = Path("/sys/block/zram0")
_SWAPPED = np.uint64(1 << 62)
_AGEING_SECONDS = 10.0


@contextmanager
def touching(pages: int) -> Iterator[tuple[int, int]]:
    """A process in a group of its own: its number, and where its pages begin."""
    Path("/sys/fs/cgroup/cgroup.subtree_control").write_text("+memory")
    GROUP.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.vm.guest.touching", str(pages)],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: (GROUP / "cgroup.procs").write_text("0"),
    )
    try:
        assert child.stdout is not None
        yield child.pid, int(child.stdout.readline())
    finally:
        child.kill()


def zram_swap() -> None:
    """A zram device with lz4 as the only swap area."""
    swapping.module("zram", "num_devices=1")
    (_ZRAM / "comp_algorithm").write_text("lz4")
    (_ZRAM / "disksize").write_text("256M")
    swapping.swap_on(Path("/dev/zram0"))


def estimated(pid: int, tracker: str, seconds: float) -> dict[str, object]:
    """What the command says."""
    words = ["estimate-dedup", "--pid", str(pid), "--idle", f"{seconds}s", "--tracker", tracker]
    printed = swapping.run(sys.executable, "-m", "ghostswap", *words, "--json", "--quiet")
    found: dict[str, object] = json.loads(printed)
    return found


def age() -> None:
    """Make a new youngest generation of the group's pages, twice, as reclaim does in time."""
    Path("/sys/kernel/mm/lru_gen/enabled").write_text("7")
    lru_gen = Path("/sys/kernel/debug/lru_gen")
    for _ in range(2):
        lines = lru_gen.read_text().splitlines()
        begin = next(i for i, line in enumerate(lines) if line.endswith(f"/{GROUP.name}"))
        number = lines[begin].split()[1]
        rest = lines[begin + 2 :]
        end = next((i for i, line in enumerate(rest) if line.startswith("memcg")), len(rest))
        newest = rest[end - 1].split()[0]
        lru_gen.write_text(f"+ {number} 0 {newest} 1 1")
        time.sleep(_AGEING_SECONDS)


def reclaim(size: int) -> None:
    """Let the kernel take so many bytes of the group, as far as it will."""
    for part in range(8):
        try:
            (GROUP / "memory.reclaim").write_text(f"{size // 8} swappiness=200")
        except OSError:
            print(f"reclaim: part {part} was not done whole", file=sys.stderr)


def swapped(pid: int, address: int, pages: int) -> NDArray[np.bool_]:
    """Which of the pages are in swap."""
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as file:
        numbers = np.arange(address // PAGE, address // PAGE + pages, dtype=np.uint64)
        found: NDArray[np.bool_] = (entries(file.fileno(), numbers) & _SWAPPED) != 0
    return found


def main(name: str, pages: int, seconds: float) -> dict[str, object]:
    """Watch page by page, estimate, reclaim."""
    zram_swap()
    kind = np.array(heats(pages))

    def by_heat(chosen: NDArray[np.bool_]) -> dict[str, int]:
        return {str(heat): int(chosen[kind == heat].sum()) for heat in Heat}

    with touching(pages) as (pid, address):
        numbers = np.arange(pages, dtype=np.int64)
        found = watch(
            find_tracker(Path("/"), TrackerName(name)),
            np.full(pages, pid),
            address + numbers * PAGE,
            PAGE,
            seconds,
        )
        estimate = estimated(pid, name, seconds)
        age()
        idle = estimate["pages"]["total"]  # type: ignore[index]
        reclaim(idle * PAGE)
        gone = swapped(pid, address, pages)
        status = Path(f"/proc/{pid}/status").read_text()
        stat = parse_mm_stat((_ZRAM / "mm_stat").read_text())
    damon = Path("/sys/kernel/mm/damon/admin/kdamonds/nr_kdamonds")
    return {
        "cpu_share": found.cpu_share,
        "pages": by_heat(np.ones(pages, dtype=np.bool_)),
        "followed": by_heat(found.followed),
        "idle": by_heat(found.idle),
        "swapped": by_heat(gone),
        "vm_swap": next(line for line in status.splitlines() if line.startswith("VmSwap")),
        "estimate": estimate,
        "mm_stat": dataclasses.asdict(stat),
        "nr_kdamonds": damon.read_text().strip() if damon.exists() else "0",
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
