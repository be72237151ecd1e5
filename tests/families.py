"""Many small processes at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FAMILY = """
import os, sys
for number in range(int(sys.argv[1])):
    if os.fork() == 0:
        mine = os.urandom(65536)
        os.read(0, 1)  # until the family is let go
        os._exit(0)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def small_processes(number: int) -> Iterator[bool]:
    """So many, each with 64 KiB of its own; False where this machine does not allow so many."""
    command = [sys.executable, "-S", "-c", _FAMILY, str(number)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            yield bool(process.stdout.readline())
        finally:
            os.killpg(process.pid, 9)
