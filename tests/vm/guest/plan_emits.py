"""In a guest: the lines of `plan --emit`, run by those who are to read them.

Prints, by form, what came of it: `swaps` (lines of /proc/swaps), and what each kind needs besides.
"""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.vm.guest import swapping
from tests.vm.guest.ghost_memory import ZSWAP
from tests.vm.guest.ghost_on_off import ghostswap, swaps
from tests.vm.guest.systemd import installed, no_units, systemd

_FSTAB = Path("/etc/fstab")
_GENERATOR = Path("/usr/lib/systemd/system-generators/zram-generator")
_ZRAM = Path("/sys/block/zram0")
_RATIO = ("plan", "--ratio", "3", "--demand", "16M", "--quiet")
_PERCENT = ("--max-pool-percent", "17")


def _sh(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)


def _reset_zswap() -> None:
    (ZSWAP / "enabled").write_text("N")
    (ZSWAP / "max_pool_percent").write_text("20")


def _zswap() -> dict[str, str]:
    return {name: (ZSWAP / name).read_text().strip() for name in ("enabled", "max_pool_percent")}


def _zram() -> dict[str, Any]:
    """What zram0 is, once it is set up."""
    return {
        "disksize": int((_ZRAM / "disksize").read_text()),
        "mem_limit": int((_ZRAM / "mm_stat").read_text().split()[3]),
        "algorithm": (_ZRAM / "comp_algorithm").read_text().strip(),
        "swaps": swaps(),
    }


def shell_of_ghost(ghost: Path) -> dict[str, Any]:
    """Those for a shell set up zswap and a ghost; once more they stop at the ghost that exists."""
    _reset_zswap()
    lines = ghostswap(*_RATIO, *_PERCENT, "--emit", "sh", "--path", ghost)
    done = _sh(lines)
    facts = {"status": done.returncode, "log": done.stderr, "swaps": swaps()} | _zswap()
    again = _sh(lines)
    facts |= {"again": again.returncode, "complaint": again.stderr, "after": swaps()}
    ghostswap("off", ghost)
    return facts | {"left": swaps()}


def fstab_of_swapfile(file: Path) -> dict[str, Any]:
    """Those for fstab name the swapfile that those for a shell made."""
    words = (*_RATIO, "--design", "swapfile", "--path", file)
    lines = ghostswap(*words, "--emit", "sh")
    made = _sh(lines)
    facts: dict[str, Any] = {"made": made.returncode, "log": made.stderr, "by_shell": swaps()}
    again = _sh(lines)
    facts |= {"again": again.returncode, "complaint": again.stderr}
    swapping.run("swapoff", "-a")
    facts["between"] = swaps()
    _FSTAB.write_text(ghostswap(*words, "--emit", "fstab"))
    done = _sh("swapon -a")
    facts |= {"status": done.returncode, "swapon": done.stderr, "swaps": swaps()}
    swapping.run("swapoff", "-a")
    return facts


def fstab_of_ghost(ghost: Path) -> dict[str, Any]:
    """Those for a ghost: the kernel is asked for that file, and this one has no ghost swap."""
    ghost.unlink()
    lines = ghostswap(*_RATIO, "--emit", "fstab", "--path", ghost)
    made = re.search(r"^# Made by: ghostswap (.*)$", lines, re.MULTILINE)
    assert made is not None
    done = _sh(f"{sys.executable} -m ghostswap {made[1]}")
    _FSTAB.write_text(lines)
    asked = _sh("swapon -a")
    return {"made": done.returncode, "log": done.stderr + asked.stderr, "swaps": swaps()}


def _of_zram() -> tuple[object, ...]:
    """A plan of pages for zram by zstd, which is not what this kernel takes by itself."""
    dump = Path("/run/dump")
    noise = random.Random(1)
    dump.write_bytes(b"".join(noise.randbytes(1024) * 2 + bytes(2048) for _ in range(1024)))
    return ("plan", dump, "--raw", "--algorithm", "zstd", "--demand", "16M", "--system", "zram")


def _size(words: tuple[object, ...]) -> dict[str, int]:
    """The size and the pool's limit, in bytes, of a plan."""
    document = json.loads(ghostswap(*words, "--json"))
    return {
        "size": document["answer"]["size_bytes"],
        "limit": document["plans"][0]["pool_limit_bytes"],
    }


def shell_of_zram(words: tuple[object, ...]) -> dict[str, Any]:
    """Those for a shell make a device and swap to it."""
    done = _sh(ghostswap(*words, "--emit", "sh"))
    facts = {"status": done.returncode, "log": done.stderr} | _zram()
    swapping.run("swapoff", "/dev/zram0")
    (_ZRAM / "reset").write_text("1")
    return facts


def zram_generator(words: tuple[object, ...]) -> dict[str, Any]:
    """Those for zram-generator: its program writes the unit, and sets the device up as at boot."""
    if not _GENERATOR.exists():
        return {"skip": "zram-generator is not installed (Debian: systemd-zram-generator)"}
    file = Path("/etc/systemd/zram-generator.conf")
    file.write_text(ghostswap(*words, "--emit", "zram-generator"))
    units = Path("/run/units")
    units.mkdir()
    Path("/.dockerenv").unlink(missing_ok=True)  # in a container it would do nothing
    generated = _sh(f"{_GENERATOR} {units}")
    done = _sh(f"{_GENERATOR} --setup-device zram0")
    unit = (units / "dev-zram0.swap").read_text()
    priority = re.search(r"^Priority=(\d+)$", unit, re.MULTILINE)
    assert priority is not None, unit
    swapping.run("swapon", "--priority", priority[1], "/dev/zram0")
    facts = {
        "generated": generated.returncode,
        "status": done.returncode,
        "log": generated.stderr + done.stderr,
    } | _zram()
    swapping.run("swapoff", "/dev/zram0")
    return facts


def _write_files(lines: str) -> None:
    """Write what follows each `# /path` to that file."""
    parts = re.split(r"^# (/etc/\S+)$", lines, flags=re.MULTILINE)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text.lstrip())


def units(ghost: Path) -> dict[str, Any]:
    """Those for systemd: its tmpfiles set zswap, and it starts and stops the units."""
    if not installed():
        return {"skip": "systemd is not installed"}
    _reset_zswap()
    ghost.unlink()
    no_units()
    _write_files(ghostswap(*_RATIO, *_PERCENT, "--emit", "systemd", "--path", ghost))
    done = _sh("systemd-tmpfiles --create /etc/tmpfiles.d/ghostswap.conf")
    facts: dict[str, Any] = {"tmpfiles": done.returncode, "log": done.stderr} | _zswap()
    with systemd("ghostswap.service") as systemctl:
        status = systemctl("status", "ghostswap.service", "ghostswap-file.service").stdout
        active = systemctl("is-active", "ghostswap.service").stdout.strip()
        facts |= {"active": active, "made": ghost.exists(), "swaps": swaps()}
        stopped = systemctl("stop", "ghostswap.service")
        facts |= {"stopped": stopped.returncode, "left": swaps()}
        facts["log"] += status + stopped.stderr
    return facts


def main() -> dict[str, dict[str, Any]]:
    """Every form of every design, one after another."""
    os.environ["PATH"] = os.defpath + ":/usr/sbin:/sbin"  # the lines find the program by themselves
    for name in ("lzo", "lzo-rle", "zstd", "zsmalloc", "loop", "dm_mod", "zram"):
        swapping.module(name)
    folder = swapping.ext4("disk", 128 << 20) / "swap folder"
    folder.mkdir()
    ghost = folder / "a ghost"
    zram = _of_zram()
    return {
        "sh": shell_of_ghost(ghost),
        "fstab of a swapfile": fstab_of_swapfile(folder / "swap #1"),
        "fstab of a ghost": fstab_of_ghost(ghost),
        "plan of zram": _size(zram),
        "sh of zram": shell_of_zram(zram),
        "zram-generator": zram_generator(zram),  # before systemd says that this is a container
        "systemd": units(ghost),
    }


if __name__ == "__main__":
    print(json.dumps(main()))
