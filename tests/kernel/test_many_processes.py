"""`--all` on a machine with thousands of processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, estimate

COUNT = 2000
_FAMILY = f"""
import os, sys
for number in range({COUNT}):
    if os.fork() == 0:
        mine = os.urandom(65536)
        os.read(0, 1)  # until the family is let go
        os._exit(0)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def family() -> Iterator[None]:
    """Two thousand small processes."""
    command = [sys.executable, "-S", "-c", _FAMILY]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            pytest.skip("this machine does not allow so many processes")
        try:
            yield
        finally:
            os.killpg(process.pid, 9)


def test_two_thousand_processes_are_measured_in_a_minute(family: None) -> None:
    run = estimate("--all", "--quiet")
    assert run.status == 0, run.errors
    document = json.loads(run.output)
    assert len(document["sources"]) > COUNT
    assert run.peak < FIXED_BYTES + BYTES_A_PAGE * document["pages"]["total"]
    assert run.seconds < 60
    print(f"{len(document['sources'])} processes: {run.seconds:.1f} s, {run.peak >> 20} MiB")
