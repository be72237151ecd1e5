"""`--group-by mapping`: a core's segments are named as the process's own mappings are."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dumps import gcore
from tests.estimates import estimate

_PROGRAM = """
import mmap, sys
shared = mmap.mmap(-1, 64 * 4096)
shared.write(b"s" * 4095 * 64)
print("ready", flush=True)
sys.stdin.read()
"""


def filled(groups: list[dict[str, Any]]) -> dict[str, int]:
    """Pages that are not zero, by mapping: a core also holds pages never touched."""
    return {group["name"]: group["pages"] - group["zero"] for group in groups}


def test_a_cores_mappings_are_those_of_its_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            live = filled(estimate("--pid", process.pid, "--group-by", "mapping")["groups"])
            core = filled(estimate(gcore(process.pid, tmp_path), "--group-by", "mapping")["groups"])
        finally:
            process.kill()
    assert core["heap"] == pytest.approx(live["heap"], abs=2)
    assert core["stack"] == pytest.approx(live["stack"], abs=2)
    assert core["shmem"] == live["shmem"] == 64
    assert core["anon"] == pytest.approx(live["anon"], abs=4)
