"""Real and mixed dumps for the comparisons with the kernel."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = 4096

_PROGRAM = """
import random, sys
r = random.Random(5)
records = [{"id": i, "name": f"user{i}", "v": [r.random() for _ in range(5)]} for i in range(30000)]
untouched = bytearray(20 << 20)
source = [open(m.__file__, "rb").read() for m in list(sys.modules.values())
          if getattr(m, "__file__", None)]
print("ready", flush=True)
sys.stdin.read()
"""


def gcore(pid: int, folder: Path) -> Path:
    """A core of a running process; skips where gcore is not installed."""
    if shutil.which("gcore") is None:
        pytest.skip("gcore (package gdb) is not installed")
    subprocess.run(["gcore", "-o", folder / "core", str(pid)], check=True, capture_output=True)
    return folder / f"core.{pid}"


def python_core(folder: Path) -> Path:
    """A core that gcore takes of a CPython process with a few ten thousand live objects."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            return gcore(process.pid, folder)
        finally:
            process.kill()


def mixed_dump(path: Path) -> Path:
    """A raw dump with every kind of page: zero, same-filled, random, text, duplicates, and pages
    whose compressed size lies around the bound of a huge page."""
    draw = random.Random(11)
    words = Path(random.__file__).read_bytes()
    text = [words[at : at + PAGE] for at in range(0, len(words) - PAGE, 701)]
    noise = [draw.randbytes(PAGE) for _ in range(300)]
    partly = [draw.randbytes(n) + bytes(PAGE - n) for n in range(3400, 3700)]
    same = [bytes([value]) * PAGE for value in range(1, 60)]
    nearly = [bytes([7]) * (PAGE - 8) + bytes(8), bytes(PAGE - 1) + b"\1", b"\1" + bytes(PAGE - 1)]
    pages = [bytes(PAGE)] * 500 + text * 5 + noise + noise[:100] + partly + same * 3 + nearly
    draw.shuffle(pages)
    path.write_bytes(b"".join(pages))
    os.sync()
    return path
