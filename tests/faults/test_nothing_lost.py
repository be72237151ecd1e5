"""What was learnt is printed, whatever fails or is interrupted after it; pages leave no core."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.command import all_gone, at_work, noise, one_line, run, run_disturbed, start

PAGES = 512


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise(tmp_path_factory.mktemp("dumps") / "dump", PAGES * 4096 >> 20)


@pytest.mark.parametrize(
    ("where", "partial"),
    [
        ("ghostswap.census.scan:distinct_contents", True),
        ("ghostswap.census.scan:sizes_of", True),
        ("ghostswap.census.scan:facts_after", True),
        ("ghostswap.census.dedup:most_copied", True),
        ("ghostswap.systems.comparison:compare", True),
        ("ghostswap.report.estimate:document", False),
        ("ghostswap.census.parquet:write", False),
        ("ghostswap.plots.picture:of_estimate", False),
    ],
)
def test_a_signal_at_any_time_loses_nothing(
    where: str, partial: bool, dump: Path, tmp_path: Path
) -> None:
    options = ["--json", "--top", "1", "--save", tmp_path / "census", "--plot", tmp_path / "a.svg"]
    ended = "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.1)"
    done = run_disturbed(where, ended, "estimate-dedup", dump, *options)
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert one_line(done.stderr)
    assert "interrupted" in done.stderr
    document = json.loads(done.stdout)
    assert document["pages"]["total"] == PAGES
    assert document["partial"] is partial
    assert {path.name for path in tmp_path.iterdir()} <= {"census", "a.svg"}


def test_a_census_that_cannot_be_written_costs_nothing_else(dump: Path, tmp_path: Path) -> None:
    saved, picture = tmp_path / "census", tmp_path / "a.svg"
    done = run_disturbed(
        "ghostswap.census.parquet:write",
        f"os.mkfifo({str(saved)!r})",
        *("estimate-dedup", "--json", dump, "--save", saved, "--plot", picture),
    )
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert json.loads(done.stdout)["pages"]["total"] == PAGES
    assert picture.read_bytes().endswith(b"</svg>\n")


def test_a_full_output_costs_no_census(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "census"
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "ghostswap", "estimate-dedup", dump, "--save", saved]
        done = subprocess.run(list(map(str, command)), stdout=full, check=False)
    assert done.returncode == 1
    assert json.loads(run("estimate-dedup", "--json", saved).stdout)["pages"]["total"] == PAGES


def test_processes_that_hold_pages_leave_no_core(tmp_path: Path) -> None:
    if Path("/proc/sys/kernel/core_pattern").read_text().startswith(("/", "|")):
        pytest.skip("cores are not put into the working folder here (kernel.core_pattern)")
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("ulimit -c cannot be raised here")
    dump, folder = noise(tmp_path / "dump", 128), tmp_path / "folder"
    folder.mkdir()
    command = ("estimate-dedup", "--jobs", 2, "--algorithm", "zstd:22", dump)

    def cores() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)

    with start(*command, cwd=folder, preexec_fn=cores) as process:
        os.kill(at_work(process)[0], signal.SIGABRT)
        _, errors = process.communicate(timeout=60)
    assert "SIGABRT" in errors
    with start(*command, cwd=folder, preexec_fn=cores) as process:
        workers = at_work(process)
        process.send_signal(signal.SIGABRT)
        process.wait(60)
    assert all_gone(workers)
    assert list(folder.iterdir()) == []
