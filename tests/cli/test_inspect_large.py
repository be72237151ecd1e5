"""`ghostswap inspect` of hosts with more of everything than is usual: soon done, in little memory,
and what was left out is said."""

import json
import os
import resource
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from ghostswap.host.kconfig import kernel_config

MIB = 1 << 20
HEADING = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
# The files of a group on Linux 6.12, with the lines that are read among many that are not.
STAT = "".join(f"figure_{number} 123456\n" for number in range(55)) + "zswap 8192\nzswapped 16384\n"
FILES = {
    "memory.zswap.current": "8192\n",
    "memory.zswap.max": "max\n",
    "memory.zswap.writeback": "1\n",
    "memory.swap.current": "20480\n",
    "memory.swap.max": "max\n",
    "memory.stat": STAT,
} | {f"memory.other{number}": "0\n" for number in range(15)}


def inspect(root: Path, *options: str) -> tuple[Any, float, int]:
    """The JSON document, the seconds of CPU, and the most memory in bytes that it took."""
    program = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'ghostswap', *sys.argv[1:]])\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)\n"
        "sys.exit(done.returncode)"
    )
    command = [sys.executable, "-c", program, "inspect", "--json", "--root", str(root), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    *errors, figures = done.stderr.splitlines()
    assert (done.returncode, errors) == (0, [])
    seconds, kilobytes = figures.split()
    return json.loads(done.stdout), float(seconds), int(kilobytes) * 1024


def codes(document: Any) -> set[str]:
    return {finding["code"] for finding in document["findings"]}


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """Where control groups are mounted below tmp_path."""
    (tmp_path / "proc").mkdir()
    folder = tmp_path / "sys/fs/cgroup"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("memory\n")
    return folder


def test_5000_control_groups_take_no_more_than_a_second(tmp_path: Path, groups: Path) -> None:
    for slice_number in range(50):
        for service in range(100):
            folder = groups / f"slice{slice_number}" / f"service{service}"
            folder.mkdir(parents=True)
            for name, text in FILES.items():
                (folder / name).write_text(text)
    document, seconds, memory = inspect(tmp_path, "--cgroups")
    assert len(document["cgroups"]) == 5000
    assert document["cgroups"][0]["zswapped_bytes"] == 16384
    assert "not-all-read" not in codes(document)
    assert seconds < 1
    assert memory < 100 * MIB


def nested(folder: Path, depth: int) -> None:
    """`depth` folders in one another, deeper than any path may be long."""
    fd = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("group", dir_fd=fd)
        below = os.open("group", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
        for name in ("memory.zswap.current", "memory.stat"):
            file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=fd)
            os.write(file, b"4096\n" if name.endswith("current") else b"zswap 4096\n")
            os.close(file)
    os.close(fd)


def test_1300_control_groups_in_one_another_are_read_once_each_and_some_left_out(
    tmp_path: Path, groups: Path
) -> None:
    nested(groups, 1300)
    document, seconds, _ = inspect(tmp_path, "--cgroups")
    assert len(document["cgroups"]) == 128
    assert "not-all-read" in codes(document)
    assert seconds < 1
    subprocess.run(["rm", "-rf", groups], check=True)  # pytest's own removal knows no such depth


def test_a_control_group_that_is_a_link_is_none(tmp_path: Path, groups: Path) -> None:
    (groups / "real").mkdir()
    (groups / "real/memory.zswap.current").write_text("4096\n")
    (groups / "loop").symlink_to(groups)
    (groups / "real/memory.zswap.max").symlink_to("/proc/sys/kernel/pid_max")
    os.mkfifo(groups / "real/memory.swap.current")
    document, _, _ = inspect(tmp_path, "--cgroups")
    (group,) = document["cgroups"]
    assert (group["path"], group["zswap_max_bytes"], group["swap_bytes"]) == ("/real", None, None)


def test_300000_swap_areas_are_cut_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    rows = "".join(f"/swap{number} file 1024 0 {-number % 9}\n" for number in range(300_000))
    (tmp_path / "proc/swaps").write_text(HEADING + rows)
    document, seconds, memory = inspect(tmp_path)
    assert len(document["swaps"]) == 256
    assert "not-all-read" in codes(document)
    assert seconds < 1
    assert memory < 100 * MIB
    assert max(len(finding["message"]) for finding in document["findings"]) < 1000


@pytest.mark.parametrize(
    "line",
    [b" " * 4_000_000, b"a " * 2_000_000, b"\t \t" * 1_000_000 + b"1 1 1", b"\\" * 4_000_000],
)
def test_a_line_without_end_takes_no_time(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "proc").mkdir()
    for name in ("swaps", "meminfo", "vmstat", "mounts"):
        (tmp_path / "proc" / name).write_bytes(HEADING.encode() + line + b"\n")
    _, seconds, memory = inspect(tmp_path, "--cgroups")
    assert seconds < 2
    assert memory < 150 * MIB


def test_a_configuration_that_unpacks_to_gigabytes_is_cut(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    begin = packer.compress(b"CONFIG_ZSWAP=y\n")
    begin += b"".join(packer.compress(b"#" * MIB) for _ in range(200)) + packer.flush()
    (tmp_path / "proc/config.gz").write_bytes(begin)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert kernel_config(tmp_path) == {"ZSWAP": "y"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB


def test_a_release_is_no_way_out_of_a_capture(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("CONFIG_ZSWAP=y\n")
    release = tmp_path / "host/proc/sys/kernel/osrelease"
    release.parent.mkdir(parents=True)
    (tmp_path / "host/boot/config-").mkdir(parents=True)
    release.write_text("/../../../secret\n")
    assert kernel_config(tmp_path / "host") == {}
