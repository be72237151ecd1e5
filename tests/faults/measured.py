"""What a run of the command takes: time, and the memory of all its processes together."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import psutil
import pytest

# The stated bound: so much, and so much for each page that is really there.
FIXED_BYTES, BYTES_A_PAGE = 150 << 20, 40


@dataclass(frozen=True, slots=True)
class Run:
    """How a run of the command went."""

    status: int
    known_peak: int | None
    seconds: float
    output: str
    errors: str

    @property
    def peak(self) -> int:
        """The most that its processes took together, bytes; skips a test where nobody may know."""
        if self.known_peak is None:
            pytest.skip("needs root: how much memory processes share that leave no core")
        return self.known_peak


def estimate(*arguments: object) -> Run:
    """`ghostswap estimate-dedup --json`, with its memory looked at all the time: what its processes
    share is counted once (PSS)."""
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json", *map(str, arguments)]
    begin = time.monotonic()
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=output, stderr=errors) as process:
            # What may leave no core belongs to root in /proc.
            peak = _peak(process, _shared_once, 0.01) if os.geteuid() == 0 else None
        seconds = time.monotonic() - begin
        output.seek(0)
        errors.seek(0)
        return Run(process.returncode, peak, seconds, output.read(), errors.read())


def peak_resident(command: Sequence[str]) -> int:
    """The largest sum of resident bytes over all processes of a command that succeeds; what they
    share counts in each."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        peak = _peak(process, _resident, 0.002)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def _peak(
    process: "subprocess.Popen[bytes]", memory: Callable[[psutil.Process], int], pause: float
) -> int:
    """The most that `memory` finds of the process and all its descendants together until it ends,
    looked at every `pause` seconds."""
    peak = 0
    while process.poll() is None:
        total = 0
        try:
            parent = psutil.Process(process.pid)
            for each in (parent, *parent.children(recursive=True)):
                total += memory(each)
        except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError, KeyError):
            pass
        peak = max(peak, total)
        time.sleep(pause)
    return peak


def _shared_once(process: psutil.Process) -> int:
    with Path(f"/proc/{process.pid}/smaps_rollup").open() as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    return int(lines["Pss"].split()[0]) << 10


def _resident(process: psutil.Process) -> int:
    return int(process.memory_info().rss)
