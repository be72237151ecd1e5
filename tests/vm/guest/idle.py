"""In a guest: `estimate-dedup --idle` of pages known to be hot, warm or cold, and then reclaim.

Arguments: the tracker, how many pages, for how many seconds. Prints an object: by heat how many
pages there were, were followed, were idle, and went to swap once the LRU was aged twice and reclaim
took as many pages as were idle; the estimate; mm_stat of the zram device that they went to; what
system calls take there; and, under DAMON, what becomes of what a killed run leaves and of what
somebody else set up.
"""

import dataclasses
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from ghostswap.census import idle as census
from ghostswap.cli.app import run
from ghostswap.host.zram import parse_mm_stat
from ghostswap.idle.frames import entries
from ghostswap.idle.watch import Watched, watch
from tests.vm.guest import swapping
from tests.vm.guest.idle_cost import calls
from tests.vm.guest.swapping import PAGE
from tests.vm.guest.touching import Heat, heats

GROUP = Path("/sys/fs/cgroup/touching")
_ZRAM = Path("/sys/block/zram0")
_KDAMONDS = Path("/sys/kernel/mm/damon/admin/kdamonds")
_SWAPPED = np.uint64(1 << 62)
_AGEING_SECONDS = 10.0
_RECLAIMED_AT_ONCE = 32  # pages: as many as the kernel isolates
_STARTS_WITHIN = 120.0  # seconds, in software emulation
_RECLAIMS_WITHIN = 120.0


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


def quietly(*words: object) -> tuple[int, str, str]:
    """A command in this process: its status, what it printed, and its complaint."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run([str(word) for word in words])
    return status, out.getvalue(), err.getvalue()


def command(pid: int, tracker: str, seconds: float) -> tuple[int, str, str]:
    """`estimate-dedup --idle` of a process."""
    words = ["estimate-dedup", "--pid", pid, "--idle", f"{seconds}s", "--tracker", tracker]
    return quietly(*words, "--json", "--quiet", "--jobs", "1")


@dataclasses.dataclass
class Seen:
    """What the command's own watch saw of each page, by address."""

    addresses: NDArray[np.int64]
    watched: Watched

    def of(self, selected: NDArray[np.bool_], address: int, pages: int) -> NDArray[np.bool_]:
        """Which of the pages from `address` on are among those `chosen`."""
        return np.isin(address + np.arange(pages) * PAGE, self.addresses[selected])


def estimated(pid: int, tracker: str, seconds: float) -> tuple[Any, Seen]:
    """What the command says, and what it saw."""
    seen: list[Seen] = []

    def listening(*arguments: Any, **named: Any) -> Watched:
        watched = watch(*arguments, **named)
        seen.append(Seen(arguments[2], watched))
        return watched

    with patch.object(census, "watch", listening):
        status, printed, complaint = command(pid, tracker, seconds)
    assert status == 0, complaint
    return json.loads(printed), seen[0]


def age() -> None:
    """Make a new youngest generation of the group's pages, twice, as reclaim does in time."""
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


def reclaim(pid: int, pages: int) -> int:
    """Let the kernel take the group's pages until so many of `pid` are in swap; how many are.

    A try may take none, as where its pages are held just then: only time ends the trying.
    """
    status = Path(f"/proc/{pid}/status")
    until = time.monotonic() + _RECLAIMS_WITHIN
    failures = 0
    while True:
        text = status.read_text()
        gone = int(text.partition("VmSwap:")[2].split()[0]) * 1024 // PAGE
        to_reclaim = min(pages - gone, _RECLAIMED_AT_ONCE)
        if to_reclaim <= 0 or time.monotonic() > until:
            break
        try:
            (GROUP / "memory.reclaim").write_text(f"{to_reclaim * PAGE} swappiness=200")
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            failures += 1
            time.sleep(0.1)
    print(f"reclaim: {gone} of {pages} pages gone, {failures} tries in vain", file=sys.stderr)
    return gone


def swapped(pid: int, addresses: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the pages are in swap."""
    with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as file:
        numbers = (addresses // PAGE).astype(np.uint64)
        outcome: NDArray[np.bool_] = (entries(file.fileno(), numbers) & _SWAPPED) != 0
    return outcome


def damon(name: str) -> str:
    """What one of DAMON's files says."""
    until = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            return (_KDAMONDS / name).read_text().strip()
        except OSError as error:  # somebody is writing there, and DAMON's lock is not waited for
            if error.errno != errno.EBUSY or time.monotonic() > until:
                raise
        time.sleep(0.05)


def killed(pid: int) -> str:
    """A watch that would take an hour, killed once it has begun; DAMON's state after that."""
    child = os.fork()
    if child == 0:
        command(pid, "damon", 3600)
        os._exit(0)
    begun = time.monotonic()
    while damon("nr_kdamonds") == "0" or damon("0/state") != "on":
        assert time.monotonic() - begun < _STARTS_WITHIN, "the watch has not begun"
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return damon("0/state")


def set_up_by_another(pid: int) -> str:
    """DAMON as some other program uses it: the address space of `pid`; its thread's number."""
    for name, value in (
        ("nr_kdamonds", "1"),
        ("0/contexts/nr_contexts", "1"),
        ("0/contexts/0/operations", "vaddr"),
        ("0/contexts/0/targets/nr_targets", "1"),
        ("0/contexts/0/targets/0/pid_target", str(pid)),
        ("0/state", "on"),
    ):
        (_KDAMONDS / name).write_text(value)
    return damon("0/pid")


def leftovers(pid: int) -> dict[str, object]:
    """What the next run does with what a killed one left, and with what is somebody else's."""
    left = killed(pid)
    status, _, complaint = command(pid, "damon", 1)
    outcome: dict[str, object] = {
        "left": left,
        "next": {"status": status, "err": complaint, "nr_kdamonds": damon("nr_kdamonds")},
    }
    # Now a record is left, and what it tells of is gone: somebody else has begun.
    killed(pid)
    (_KDAMONDS / "0/state").write_text("off")
    (_KDAMONDS / "nr_kdamonds").write_text("0")
    thread = set_up_by_another(pid)
    status, out, complaint = command(pid, "damon", 1)
    outcome["other"] = {
        "status": status,
        "out": out,
        "err": complaint,
        "same_thread": damon("0/pid") == thread,
        "state": damon("0/state"),
    }
    (_KDAMONDS / "0/state").write_text("off")
    (_KDAMONDS / "nr_kdamonds").write_text("0")
    return outcome


def multigenerational() -> None:
    """Switch MGLRU on, before there is anything: pages of the classic LRU would have no age."""
    Path("/sys/kernel/mm/lru_gen/enabled").write_text("7")


def truth(pid: int, tracker: str, seconds: float) -> tuple[dict[str, Any], Seen]:
    """What the command says of a process in the group, and what reclaim makes of it."""
    estimate, seen = estimated(pid, tracker, seconds)
    age()
    before = parse_mm_stat((_ZRAM / "mm_stat").read_text())
    gone = reclaim(pid, estimate["pages"]["total"])
    stat = parse_mm_stat((_ZRAM / "mm_stat").read_text())
    taken = swapped(pid, seen.addresses)
    return {
        "cpu_share": seen.watched.cpu_share,
        "watched": len(seen.addresses),
        "gone": gone,
        "gone_and_idle": int((taken & seen.watched.idle).sum()),
        "estimate": estimate,
        "before": dataclasses.asdict(before),
        "mm_stat": dataclasses.asdict(stat),
    }, seen


def main(name: str, pages: int, seconds: float) -> dict[str, object]:
    """Estimate, reclaim, and under DAMON be killed."""
    multigenerational()
    # Else khugepaged may make one of the interpreter's, hot and cold together.
    swapping.only_huge_pages_asked_for()
    zram_swap()
    kind = np.array(heats(pages))

    def by_heat(selected: NDArray[np.bool_]) -> dict[str, int]:
        return {str(heat): int(selected[kind == heat].sum()) for heat in Heat}

    with touching(pages) as (pid, address):
        outcome, seen = truth(pid, name, seconds)
        idle, followed = seen.watched.idle, seen.watched.followed
        outcome |= {
            "pages": by_heat(np.ones(pages, dtype=np.bool_)),
            "followed": by_heat(seen.of(followed, address, pages)),
            "idle": by_heat(seen.of(idle, address, pages)),
            "swapped": by_heat(swapped(pid, address + np.arange(pages) * PAGE)),
        }
        outcome["calls"] = calls()
        if name == "damon":
            outcome["nr_kdamonds"] = damon("nr_kdamonds")
            outcome["leftovers"] = leftovers(pid)
    return outcome


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
