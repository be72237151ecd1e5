"""How much memory a command takes, with all processes that it starts."""

import subprocess
import time
from collections.abc import Sequence

import psutil


def peak_bytes(command: Sequence[str]) -> int:
    """The largest sum of resident bytes over all processes; what they share counts in each."""
    peak = 0
    with psutil.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            try:
                family = [process, *process.children(recursive=True)]
                peak = max(peak, sum(each.memory_info().rss for each in family))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.002)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak
