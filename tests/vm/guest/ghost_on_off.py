"""In a guest: `ghostswap on` and `ghostswap off` on a kernel with device mapper and zswap.

Asserts what every kernel must do, and prints what differs: `zswapped` and `swapped` (bytes),
`write_errors` (lines in the kernel's log for pages that zswap refused), and `quiet_write_errors`
(the same with memory.zswap.writeback off; null where this kernel lacks it).
"""

import contextlib
import io
import json
import mmap
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ghostswap.cli.app import run
from ghostswap.ghost.areas import OWN_FILE, find_areas
from ghostswap.ghost.plan import Wishes, plan_for_file, plan_for_size
from ghostswap.ghost.switch import Steps, carry_out, switch_off, switch_on
from ghostswap.ghost.writeback import NOTE
from ghostswap.host.files import HostFiles
from tests.vm.guest import swapping

ZSWAP = Path("/sys/module/zswap/parameters")
WRITEBACK = Path("/sys/fs/cgroup/memory.zswap.writeback")
SIZE = 512 << 20
MEMORY = 12 << 20


def ghostswap(*words: object, status: int = 0) -> str:
    """What a run of the command prints; stderr where it must fail."""
    command = [sys.executable, "-m", "ghostswap", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == status, (words, done)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr if status else done.stdout


def all_off() -> None:
    """`ghostswap off --all`, within this process: to start Python takes seconds in an emulator."""
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(["off", "--all"]) == 0


def swaps() -> list[str]:
    """The lines of /proc/swaps."""
    return Path("/proc/swaps").read_text().splitlines()[1:]


def left_behind() -> list[str]:
    """Whatever is there that `off` should have removed."""
    listed = swapping.run("dmsetup", "ls")
    mapped = [] if listed == "No devices found" else listed.splitlines()
    loops = [
        path.read_text().strip() for path in Path("/sys/block").glob("loop*/loop/backing_file")
    ]
    own = [str(path) for path in (OWN_FILE, OWN_FILE.parent, NOTE) if path.exists()]
    if WRITEBACK.exists() and WRITEBACK.read_text().strip() != "1":
        own.append(str(WRITEBACK))
    return [*swaps(), *mapped, *loops, *own]


def write_errors() -> int:
    """Lines in the kernel's log about pages that could not be written."""
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    return len(re.findall(r"Write-error on swap-device|[Ww]rite.*swap.*error", log))


def filled() -> mmap.mmap:
    """Pages of every kind: zeros, text, and noise that no compressor shrinks."""
    noise = random.Random(1)
    memory = swapping.memory(MEMORY)
    while memory.tell() < MEMORY:
        memory.write(bytes(swapping.PAGE))
        memory.write(noise.randbytes(swapping.PAGE // 4) * 4)
        memory.write(noise.randbytes(swapping.PAGE))
        memory.write(b"%8x" % memory.tell() * (swapping.PAGE // 8))
    return memory


def meminfo(name: str) -> int:
    """A line of /proc/meminfo in bytes."""
    match = re.search(rf"^{name}: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def refused_without_zswap() -> None:
    (ZSWAP / "enabled").write_text("N")
    assert "--enable-zswap" in ghostswap("on", "--size", SIZE, status=1)
    assert left_behind() == []


def on_and_off() -> dict[str, Any]:
    """One life of an area, with memory in it, switched on and off more than once."""
    on = json.loads(ghostswap("on", "--size", SIZE, "--enable-zswap", "--priority", 5, "--json"))
    assert on["changed"] is True
    assert on["way"] == "device-mapper"
    assert on["size_bytes"] == SIZE
    assert on["priority"] == 5
    assert [line.split()[0] for line in swaps()] == [on["device"]]
    again = json.loads(ghostswap("on", "--size", SIZE, "--json"))
    assert again["changed"] is False
    assert again["name"] == on["name"]
    assert "off it first" in ghostswap("on", "--size", SIZE * 2, status=1)

    facts: dict[str, Any] = {}
    before = write_errors()
    memory = filled()
    digest = blake2b(memory).digest()
    memory.madvise(swapping.MADV_PAGEOUT)
    facts["zswapped"], facts["swapped"] = (
        meminfo("Zswapped"),
        meminfo("SwapTotal") - meminfo("SwapFree"),
    )
    facts["write_errors"] = write_errors() - before
    assert blake2b(memory).digest() == digest
    memory.madvise(swapping.MADV_PAGEOUT)
    off = json.loads(ghostswap("off", on["name"], "--json"))
    assert [area["name"] for area in off] == [on["name"]]
    assert blake2b(memory).digest() == digest
    assert left_behind() == []
    assert json.loads(ghostswap("off", "--all", "--json")) == []
    assert "no ghost area" in ghostswap("off")
    return facts


def quiet_writeback() -> int | None:
    """The lines logged when the control group of this process forbids writing back."""
    group = Path("/sys/fs/cgroup/quiet")
    (group.parent / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    if not (group / "memory.zswap.writeback").exists():
        return None
    (group / "memory.zswap.writeback").write_text("0")
    (group / "cgroup.procs").write_text(str(os.getpid()))
    ghostswap("on", "--size", SIZE)
    before = write_errors()
    memory = filled()
    digest = blake2b(memory).digest()
    memory.madvise(swapping.MADV_PAGEOUT)
    assert meminfo("Zswapped") > 0
    logged = write_errors() - before
    ghostswap("off")
    assert blake2b(memory).digest() == digest
    (group.parent / "cgroup.procs").write_text(str(os.getpid()))
    return logged


def full_pool() -> None:
    """A pool at its limit refuses pages; they stay in memory, whole."""
    limit = (ZSWAP / "max_pool_percent").read_text()
    (ZSWAP / "max_pool_percent").write_text("0")
    ghostswap("on", "--size", SIZE)
    memory = filled()
    digest = blake2b(memory).digest()
    memory.madvise(swapping.MADV_PAGEOUT)
    assert blake2b(memory).digest() == digest
    ghostswap("off")
    assert blake2b(memory).digest() == digest
    (ZSWAP / "max_pool_percent").write_text(limit)


def too_little_memory() -> None:
    """`off` refuses what would not fit, says so, and --force is believed."""
    ghostswap("on", "--size", SIZE)
    memory = swapping.memory(256 << 20)
    for page in range(0, len(memory), swapping.PAGE):
        memory.seek(page)
        memory.write(b"%16d" % page * (swapping.PAGE // 16))
    memory.madvise(swapping.MADV_PAGEOUT)
    ballast = Path("/run/ballast")
    ballast.mkdir()
    swapping.run("mount", "-t", "ramfs", "ballast", ballast)  # it cannot be swapped out
    with (ballast / "file").open("wb") as file:
        for _ in range(meminfo("MemAvailable") - (150 << 20) >> 20):
            file.write(bytes(1 << 20))
    assert "--force" in ghostswap("off", status=1)
    assert len(swaps()) == 1
    swapping.run("umount", ballast)
    ghostswap("off", "--force")
    assert left_behind() == []


def shell_lines() -> None:
    """What --dry-run prints does the same, and `off` undoes it."""
    ghost = Path("/run/a ghost")
    ghostswap("mkghost", ghost, "--size", "64M")
    lines = ghostswap("on", ghost, "--priority", 7, "--dry-run")
    # No udev runs here to tell dmsetup that it is done, and to name the device.
    script = lines.replace("dmsetup create", "dmsetup --noudevsync create")
    script = script.replace("/dev/mapper/ghostswap-a_ghost", "/dev/dm-0")
    subprocess.run(["sh", "-e"], input=script, text=True, check=True)
    assert json.loads(ghostswap("on", ghost, "--json"))["changed"] is False
    assert len(swaps()) == 1
    ghostswap("off", ghost)
    assert left_behind() == []


def stopped(steps: Steps, after: int, number: signal.Signals) -> Steps:
    """The steps, with a signal to this process after one of them."""

    def generator() -> Generator[str, None, None]:
        try:
            for done, step in enumerate(steps):
                if done == after:
                    os.kill(os.getpid(), number)
                yield step
        finally:
            steps.close()

    return generator()


def cut_short_anywhere() -> int:
    """Kill, and interrupt, a run of `on` after each of its steps; returns how many there are."""
    ghost = Path("/run/ghost")
    ghostswap("mkghost", ghost, "--size", "64M")
    kept = ghost.read_bytes()
    wishes = Wishes(enable_zswap=True, no_writeback=WRITEBACK.exists())
    made_for_it = plan_for_size(SIZE, wishes)
    counted = 0
    for plan in (made_for_it, plan_for_file(ghost, wishes)):
        for number in (signal.SIGKILL, signal.SIGTERM):
            for after in range(10):
                child = os.fork()
                if child == 0:
                    carry_out(stopped(switch_on(plan), after, number))
                    os._exit(0)
                status = os.waitpid(child, 0)[1]
                if os.WIFEXITED(status):  # there are fewer steps
                    counted = max(counted, after)
                    assert len(swaps()) == 1
                    all_off()
                    break
                assert os.WTERMSIG(status) == number
                if number is signal.SIGTERM:
                    assert left_behind() == [], (plan, after)
                else:
                    all_off()
                    assert left_behind() == [], (plan, after)
            assert left_behind() == []
    assert ghost.read_bytes() == kept
    return counted


def killed_before_writeback_was_put_back() -> None:
    """A run of `off` that is killed once nothing is swapped to: the next one puts back the rest."""
    ghostswap("on", "--size", SIZE, "--no-writeback")
    assert WRITEBACK.read_text().strip() == "0"
    (area,) = find_areas(HostFiles(Path("/")))
    child = os.fork()
    if child == 0:
        carry_out(stopped(switch_off(area), 0, signal.SIGKILL))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert swaps() == []
    assert str(WRITEBACK) in left_behind()
    ghostswap("off")
    assert left_behind() == []


def main() -> dict[str, Any]:
    """All of it, and what is told."""
    for name in ("lzo", "lzo-rle", "zsmalloc"):
        swapping.module(name)
    (ZSWAP / "zpool").write_text("zsmalloc")  # zbud would hold half of it all
    refused_without_zswap()
    facts = on_and_off()
    facts["quiet_write_errors"] = quiet_writeback()
    full_pool()
    too_little_memory()
    shell_lines()
    facts["steps"] = cut_short_anywhere()
    if WRITEBACK.exists():
        killed_before_writeback_was_put_back()
    return facts


if __name__ == "__main__":
    print(json.dumps(main()))
