"""What is measured changes meanwhile: files shrink or grow, processes stop, fork or end."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ghostswap.census.codecs import find
from ghostswap.census.scan import scan
from ghostswap.pages.dump import open_dump
from tests.faults.command import (
    all_gone,
    at_work,
    has_traceback,
    noise,
    one_line,
    run,
    start,
    workers_of,
)

# Holds as many MiB of distinct pages as it is told; then, while it is read, does what it is told.
_TARGET = """
import os, sys, time
held = [os.urandom(1 << 20) for _ in range(int(sys.argv[1]))]
print("ready", flush=True)
until = time.monotonic() + 20
while time.monotonic() < until:
    if sys.argv[2] == "fork":
        child = os.fork()
        if child == 0:
            held[0] = os.urandom(1 << 20)
            os._exit(0)
        os.waitpid(child, 0)
    elif sys.argv[2] == "write":
        held[:] = held[1:] + [os.urandom(1 << 20)]
    else:
        time.sleep(0.1)
"""


def target(mebibytes: int, does: str) -> subprocess.Popen[str]:
    """A running process of that size."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", _TARGET, str(mebibytes), does],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.mark.parametrize("left", [0, 100, 4096 * 3000 + 17])
def test_a_file_that_shrinks_while_it_is_compressed_is_said_to(tmp_path: Path, left: int) -> None:
    dump = noise(tmp_path / "dump", 96)
    command = ("estimate-dedup", "--json", "--jobs", 2, "--algorithm", "zstd:22", dump)
    with start(*command) as process:
        at_work(process)
        os.truncate(dump, left)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert one_line(errors)
    assert "has shrunk" in errors
    assert json.loads(out)["pages"]["total"] <= 96 * 256


def test_a_file_that_shrinks_before_it_is_read_has_unreadable_pages(tmp_path: Path) -> None:
    dump = noise(tmp_path / "dump", 16)
    source = open_dump(dump, 4096)
    os.truncate(dump, 8 << 20)
    census = scan([source], 4096, [find("lz4")], jobs=2)
    assert int(census.readable.sum()) == 8 * 256
    facts = census.sources[0].facts
    assert facts.incomplete
    assert "2048 of its pages could not be read" in facts.warnings[0]


def test_a_file_that_grows_is_measured_as_it_was_found(tmp_path: Path) -> None:
    dump = noise(tmp_path / "dump", 32)
    with start("estimate-dedup", "--json", "--algorithm", "deflate", dump) as process:
        workers_of(process)
        with dump.open("ab") as file:
            file.write(os.urandom(1 << 20))
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(out)["pages"]["total"] == 32 * 256


def test_a_file_that_is_removed_is_read_to_its_end(tmp_path: Path) -> None:
    dump = noise(tmp_path / "dump", 32)
    with start("estimate-dedup", "--json", "--algorithm", "deflate", dump) as process:
        workers_of(process)
        dump.unlink()
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(out)["pages"]["distinct"] == 32 * 256


def test_a_stopped_process_is_measured_and_stays_stopped() -> None:
    with target(16, "wait") as process:
        process.send_signal(signal.SIGSTOP)
        done = run("estimate-dedup", "--json", "--quiet", "--pid", process.pid)
        state = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        process.kill()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["pages"]["distinct"] >= 16 * 256
    assert state == "T"


@pytest.mark.parametrize("does", ["fork", "write"])
def test_a_process_that_forks_or_writes_all_the_time_is_measured(does: str) -> None:
    with target(32, does) as process:
        done = run("estimate-dedup", "--json", "--quiet", "--children", "--pid", process.pid)
        assert process.poll() is None
        process.kill()
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    pages = document["pages"]
    assert pages["total"] == pages["zero"] + pages["same_filled"] + pages["data"]
    assert pages["data"] == pages["distinct"] + pages["duplicate"] > 0


def test_a_process_that_ends_while_it_is_read_is_told_of() -> None:
    with (
        target(128, "wait") as process,
        start(
            *("estimate-dedup", "--json", "--jobs", 2, "--algorithm", "zstd:22"),
            *("--pid", process.pid),
        ) as measuring,
    ):
        workers = at_work(measuring)
        process.kill()
        process.wait()
        out, errors = measuring.communicate(timeout=60)
    assert not has_traceback(errors)
    assert "it has ended" in errors
    assert measuring.returncode == 0
    assert 0 < json.loads(out)["pages"]["total"] < 128 * 256
    assert all_gone(workers)
