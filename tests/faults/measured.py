"""What a run of the command takes: time, and the memory of all its processes together."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import psutil

# The stated bound: so much, and so much for each page that is really there.
FIXED_BYTES, BYTES_A_PAGE = 150 << 20, 40


@dataclass(frozen=True, slots=True)
class Run:
    """How a run of the command went; `peak` is the most that its processes took together, bytes."""

    status: int
    peak: int
    seconds: float
    output: str
    errors: str


def estimate(*arguments: object) -> Run:
    """`ghostswap estimate-dedup --json`, with its memory looked at all the time: what its processes
    share is counted once (PSS)."""
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json", *map(str, arguments)]
    begin = time.monotonic()
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=output, stderr=errors) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, _memory(process.pid))
                time.sleep(0.01)
        seconds = time.monotonic() - begin
        output.seek(0)
        errors.seek(0)
        return Run(process.returncode, peak, seconds, output.read(), errors.read())


def _memory(pid: int) -> int:
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with Path(f"/proc/{process.pid}/smaps_rollup").open() as file:
                lines = dict(line.split(":", 1) for line in file if ":" in line)
            total += int(lines["Pss"].split()[0]) << 10
    except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError, KeyError):
        pass
    return total
