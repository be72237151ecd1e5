"""In a guest: a ghost file made, read, switched on, filled, switched off and removed, many times.

Argument: how many. Everything runs in one process, so that what any of it leaves open adds up.
Prints an object: `held` (descriptors, loop and mapped devices before and after), `slab_growth`
(bytes of kernel memory a cycle, over the second half), `seconds`.
"""

import contextlib
import io
import json
import os
import re
import sys
import time
from hashlib import blake2b
from pathlib import Path

from ghostswap.cli.app import run
from tests.vm.guest import swapping

_PAGES = 64
_FILE = Path("/run/soak")


def ghostswap(*words: object) -> str:
    """What the command prints; it must end well."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = run([str(word) for word in words])
    assert status == 0, words
    return printed.getvalue()


def cycle(number: int) -> None:
    """One life of a ghost: it takes pages, gives them back whole, and costs one page of disk."""
    ghostswap("mkghost", _FILE, "--size", "64M", "--label", f"soak {number}", "--quiet")
    (matches,) = json.loads(ghostswap("inspect", _FILE, "--json"))
    assert matches["kind"] == "ghost"
    assert matches["header"]["label"] == f"soak {number}"
    ghostswap("on", _FILE, "--quiet")
    memory = swapping.memory(_PAGES * swapping.PAGE)
    memory.write(number.to_bytes(8, "little") * (len(memory) // 16))  # the rest stays untouched
    digest = blake2b(memory).digest()
    memory.madvise(swapping.MADV_PAGEOUT)
    if number % 2:  # swapoff brings pages back, or the process had them already
        assert blake2b(memory).digest() == digest
    ghostswap("off", _FILE)
    assert blake2b(memory).digest() == digest
    memory.close()
    assert _FILE.stat().st_blocks * 512 == swapping.PAGE
    _FILE.unlink()


def held() -> dict[str, int]:
    """What a cycle might leave behind."""
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "loops": len(list(Path("/sys/block").glob("loop*/loop/backing_file"))),
        "mapped": len(list(Path("/sys/block").glob("dm-*"))),
        "swaps": len(Path("/proc/swaps").read_text().splitlines()) - 1,
        "files": sum(len(files) for _, _, files in os.walk("/run")),
    }


def slab() -> int:
    """Kernel memory in bytes that cannot be had back: Slab's unreclaimable part and vmalloc."""
    text = Path("/proc/meminfo").read_text()
    names = ("SUnreclaim", "VmallocUsed", "Percpu")
    matches = [re.search(rf"^{name}: +(\d+) kB$", text, re.MULTILINE) for name in names]
    return sum(int(match[1]) for match in matches if match) * 1024


def main(cycles: int) -> dict[str, object]:
    """The first cycle loads modules and caches; what is held is compared from there on."""
    for name in ("lzo", "zsmalloc"):
        swapping.module(name)
    Path("/sys/module/zswap/parameters/enabled").write_text("1")
    cycle(0)
    before, start, half = held(), time.monotonic(), 0
    for number in range(1, cycles):
        cycle(number)
        if number == cycles // 2:
            half = slab()
    growth = (slab() - half) / (cycles - cycles // 2)
    return {
        "held": [before, held()],
        "slab_growth": round(growth),
        "seconds": round(time.monotonic() - start, 1),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
