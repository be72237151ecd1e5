"""Stopped from outside: what is printed, what status, and that nothing is left behind."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.command import (
    COMMAND,
    all_gone,
    at_work,
    has_traceback,
    left_in_session,
    noise,
    one_line,
    run,
    start,
    workers_of,
)

# Some ten seconds of processor time for the dump below, on two processors at most.
SLOW = ("--jobs", 2, "--algorithm", "zstd:22")
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise(tmp_path_factory.mktemp("dumps") / "dump", 256)


@pytest.mark.parametrize("number", ENDING)
def test_a_long_estimate_ends_within_a_second_with_what_is_known(
    dump: Path, number: signal.Signals
) -> None:
    with start("estimate-dedup", "--json", *SLOW, dump) as process:
        workers = at_work(process)
        begin = time.monotonic()
        process.send_signal(number)
        out, errors = process.communicate(timeout=30)
        took = time.monotonic() - begin
    assert process.returncode == 128 + number
    document = json.loads(out)
    assert document["partial"]
    assert document["pages"]["total"] > 0
    assert one_line(errors)
    assert took < 2.0  # a second, and what a busy machine adds
    assert all_gone(workers)


@pytest.mark.parametrize("number", ENDING)
def test_a_run_that_is_ended_while_it_saves_leaves_no_file(
    tmp_path: Path, dump: Path, number: signal.Signals
) -> None:
    draw = random.Random(int(number))
    saved = tmp_path / "census"
    for _ in range(4):
        saved.write_text("as before")
        with start("estimate-dedup", "--quick", "--save", saved, dump) as process:
            time.sleep(draw.uniform(0.05, 2.5))
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert left_in_session(process.pid) == []
        assert not has_traceback(errors)
        assert list(tmp_path.iterdir()) == [saved]
        if process.returncode < 0:  # before Python had come to its first line of ours
            assert process.returncode == -number
        else:
            assert process.returncode in (0, 128 + number)
        assert saved.read_text(errors="replace") == "as before" or saved.read_bytes()[:4] == b"PAR1"


@pytest.mark.parametrize("number", [*ENDING, signal.SIGKILL])
def test_mkghost_ended_at_any_time_leaves_the_file_as_it_was_or_whole(
    tmp_path: Path, number: signal.Signals
) -> None:
    draw = random.Random(int(number))
    ghost = tmp_path / "ghost"
    for _ in range(10):
        ghost.write_text("as before")
        with start("mkghost", ghost, "--size", "1G", "--force") as process:
            time.sleep(draw.uniform(0.02, 0.3))
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        assert not has_traceback(errors)
        assert ghost.read_bytes() == b"as before" or ghost.stat().st_size == 4096
        others = [path for path in tmp_path.iterdir() if path != ghost]
        if number is signal.SIGKILL:  # at most one hidden file, of one page
            for path in others:
                assert path.name.startswith(".ghostswap-")
                path.unlink()
        else:
            assert others == []


@pytest.mark.parametrize("victim", [0, 2])
def test_a_killed_worker_is_an_error_with_its_cause(dump: Path, victim: int) -> None:
    with start("estimate-dedup", "--json", "--jobs", 3, "--algorithm", "deflate", dump) as process:
        os.kill(workers_of(process, 3)[victim], signal.SIGKILL)
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (1, "")
    assert one_line(errors)
    assert "was killed by SIGKILL (out of memory?)" in errors


def test_workers_end_when_their_parent_is_killed(dump: Path) -> None:
    with start("estimate-dedup", "--algorithm", "deflate", dump) as process:
        workers = workers_of(process)
        process.kill()
        process.wait()
        assert all_gone(workers)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    dump = noise(tmp_path / "dump", 32)
    with start("estimate-dedup", "--json", "--algorithm", "deflate", dump) as process:
        workers = workers_of(process)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in (process.pid, *workers):
                os.kill(pid, number)
            time.sleep(0.3)
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(out)["pages"]["distinct"] == 32 * 256


def test_nohup_is_respected(dump: Path) -> None:
    command = ["nohup", *COMMAND, "estimate-dedup", "--json", str(dump)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        workers_of(process)
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert not json.loads(out)["partial"]


def test_the_same_signal_twice_does_not_cut_the_cleaning_up_short() -> None:
    program = """
import os, signal, time
from ghostswap.signals import unwinding
with unwinding() as came:
    try:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)
            print("cleaned")
    except KeyboardInterrupt:
        print(*map(int, came))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["cleaned", "15"], done.stderr


def test_plan_takes_no_size_from_a_part(tmp_path: Path, dump: Path) -> None:
    with start("plan", *SLOW[2:], "--ram", "1G", dump) as process:
        at_work(process)
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (143, "", "ghostswap: interrupted\n")
    with start("estimate-dedup", "--json", *SLOW, dump) as process:
        at_work(process, 1)  # some of it was compressed
        process.send_signal(signal.SIGINT)
        part, _ = process.communicate(timeout=30)
    report = tmp_path / "part.json"
    report.write_text(part)
    done = run("plan", "--ram", "1G", report)
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr)
    assert "interrupted" in done.stderr
