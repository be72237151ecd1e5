"""In a guest: mm_stat of a fresh zram device that was fed with a raw dump, then recompressed.

Arguments: the dump, a smaller one, then FIRST/SECOND/REQUEST words: two algorithms, and what is
written to the device's file `recompress`. Prints an object, word to the counters `fed`,
`recompressed` and `compacted` (after a write to the file `compact`). Under "estimate" is what
`ghostswap estimate-dedup --engine kernel` says there of the smaller dump, with lz4 and then 842;
under "842" the counters for that.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from ghostswap.host.zram import parse_mm_stat
from tests.vm.guest import swapping

_CONTROL = Path("/sys/class/zram-control")
_BATCH = 1 << 20


def counted(dump: Path, first: str, second: str, request: str) -> dict[str, dict[str, int]]:
    """The counters after each step."""
    name = f"zram{int((_CONTROL / 'hot_add').read_text())}"
    device = Path("/sys/block") / name

    def now() -> dict[str, int]:
        return dataclasses.asdict(parse_mm_stat((device / "mm_stat").read_text()))

    (device / "comp_algorithm").write_text(first)
    (device / "recomp_algorithm").write_text(f"algo={second} priority=1")
    (device / "disksize").write_text(str(dump.stat().st_size))
    node = Path("/dev") / name
    swapping.run("dd", f"if={dump}", f"of={node}", f"bs={_BATCH}", "conv=fsync", "status=none")
    counters = {"fed": now()}
    (device / "idle").write_text("all")
    (device / "recompress").write_text(request)
    counters["recompressed"] = now()
    (device / "compact").write_text("1")
    counters["compacted"] = now()
    (_CONTROL / "hot_remove").write_text(name.removeprefix("zram"))
    return counters


def estimated(dump: Path) -> Any:
    """The document of the command, which asks this kernel's 842."""
    options = ("--engine", "kernel", "--algorithm", "lz4", "--recompress", "842")
    command = (sys.executable, "-m", "ghostswap", "estimate-dedup", "--json", *options, dump)
    return json.loads(swapping.run(*command))


def main(dump: Path, few: Path, words: list[str]) -> dict[str, Any]:
    """All counters, and the estimate of the few pages, whose counters are under "842"."""
    counters: dict[str, Any] = {word: counted(dump, *word.split("/")) for word in words}
    return counters | {
        "842": counted(few, "lz4", "842", "algo=842"),
        "estimate": estimated(few),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])))
