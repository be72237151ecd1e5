"""`ghostswap inspect` of captured hosts, as a user or a script runs it."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.hosts import CAPTURES

EXPECTED = CAPTURES.parent / "inspect"
HOSTS = ["linux-6.1", "linux-6.12", "linux-6.18"]


def inspect(*options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ghostswap", "inspect", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def told(*options: str | Path) -> Any:
    done = inspect("--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def empty_host(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    return tmp_path


@pytest.mark.parametrize("host", HOSTS)
def test_the_whole_view_of_a_captured_host(host: str) -> None:
    done = inspect("--cgroups", "--root", CAPTURES / host)
    assert done.stderr == ""
    assert done.stdout == (EXPECTED / f"{host}.txt").read_text()


@pytest.mark.parametrize("host", HOSTS)
def test_the_metrics_of_a_captured_host(host: str) -> None:
    done = inspect("--cgroups", "--openmetrics", "--root", CAPTURES / host)
    assert done.stdout == (EXPECTED / f"{host}.prom").read_text()


@pytest.mark.parametrize("host", HOSTS)
def test_the_document_has_the_same_keys_for_every_kernel(host: str) -> None:
    document = told("--root", CAPTURES / host)
    assert {"swaps", "zswap", "zram", "ksm", "memory", "findings"} <= set(document)
    newest = told("--root", CAPTURES / HOSTS[-1])
    for part in ("zswap", "memory", "interfaces"):
        assert set(document[part]) == set(newest[part])
    assert set(document["zram"][0]) == set(newest["zram"][0])
    for finding in document["findings"]:
        assert set(finding) == {"severity", "code", "message"}
        assert finding["severity"] in {"info", "warning", "error"}


@pytest.mark.parametrize("size", [4096, 16384, 65536])
def test_the_page_size_is_the_captured_host_s(tmp_path: Path, size: int) -> None:
    root = empty_host(tmp_path)
    pages = 100 << 20 >> size.bit_length() - 1
    (root / "proc/meminfo").write_text("AnonPages:      102500 kB\n")  # 100 kB later
    (root / "proc/vmstat").write_text(f"nr_anon_pages {pages}\n")
    assert told("--root", root)["page_size"] == size


@pytest.mark.parametrize(
    ("host", "parameter", "value"),
    [
        ("linux-6.1", "zpool", "zbud"),
        ("linux-6.1", "same_filled_pages_enabled", True),
        ("linux-6.1", "shrinker_enabled", None),
        ("linux-6.12", "zpool", "zsmalloc"),
        ("linux-6.12", "same_filled_pages_enabled", None),
        ("linux-6.12", "shrinker_enabled", False),
        ("linux-6.18", "zpool", None),
        ("linux-6.18", "shrinker_enabled", False),
    ],
)
def test_parameters_that_a_kernel_lacks_are_null(host: str, parameter: str, value: object) -> None:
    assert told("--root", CAPTURES / host)["zswap"][parameter] == value


def test_zswap_s_counters_are_null_where_only_root_may_read_them(tmp_path: Path) -> None:
    root = tmp_path / "host"
    shutil.copytree(CAPTURES / "linux-6.12", root)
    shutil.rmtree(root / "sys/kernel/debug")
    zswap = told("--root", root)["zswap"]
    assert zswap["counters"] is None
    assert zswap["stored_bytes"] > 0
    assert "unknown: they are in debugfs" in inspect("--root", root).stdout


def test_a_host_without_any_of_it_is_told_in_words(tmp_path: Path) -> None:
    root = empty_host(tmp_path)
    shown = inspect("--cgroups", "--root", root)
    assert shown.returncode == 0
    for words in ("no swap areas", "no zram devices", "not in this kernel", "no-swap"):
        assert words in shown.stdout
    document = told("--root", root)
    assert (document["swaps"], document["zram"]) == ([], [])
    assert (document["zswap"], document["ksm"]) == (None, None)
    assert document["memory"]["mem_total_bytes"] is None


def test_a_directory_that_is_no_host_is_refused(tmp_path: Path) -> None:
    for root, why in ((tmp_path, "holds no proc/"), (tmp_path / "missing", "no such directory")):
        done = inspect("--root", root)
        assert (done.returncode, done.stdout) == (1, "")
        assert why in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_capture_full_of_rubbish_is_no_crash(tmp_path: Path) -> None:
    root = tmp_path / "host"
    shutil.copytree(CAPTURES / "linux-6.12", root)
    for number, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
        path.write_bytes(
            (b"", b"\xff\0\n[", b"9" * 5000, b"-1", b"a b c d e f g h i\n")[number % 5]
        )
    document = told("--cgroups", "--root", root)
    assert document["swaps"] == []
    assert inspect("--root", root).returncode == 0
    assert inspect("--openmetrics", "--root", root).returncode == 0


def test_a_capture_cannot_show_this_machine_or_hang(tmp_path: Path) -> None:
    root = empty_host(tmp_path)
    (root / "proc/swaps").symlink_to("/proc/meminfo")
    (root / "proc/meminfo").symlink_to("/proc/meminfo")
    os.mkfifo(root / "proc/vmstat")
    (root / "sys").symlink_to("/sys")
    document = told("--root", root)
    assert document["memory"]["mem_total_bytes"] is None
    assert document["ksm"] is None


def test_a_name_that_is_no_path_nor_utf_8_is_shown(tmp_path: Path) -> None:
    root = empty_host(tmp_path)
    rows = [
        b"Filename Type Size Used Priority",
        b"xswap0 xswap 1024 0 5",
        b"/swap\\012\xff\x1b[31m file 2048 4 -2",
        b"/gone\\040(deleted) file 4 0 -3",
    ]
    (root / "proc/swaps").write_bytes(b"\n".join(rows) + b"\n")
    areas = told("--root", root)["swaps"]
    assert [area["path"] for area in areas] == ["xswap0", "/swap\n\\xff\x1b[31m", "/gone"]
    assert [area["medium"] for area in areas] == ["ghost", "disk", "disk"]
    assert [area["deleted"] for area in areas] == [False, False, True]
    shown = inspect("--root", root)
    assert "\x1b" not in shown.stdout
    assert r"/swap\n\xff\x1b[31m" in shown.stdout
    metrics = inspect("--openmetrics", "--root", root).stdout
    assert r'name="/swap\n\\xff' in metrics


def test_chosen_columns_print_the_table_of_swap_areas_alone() -> None:
    options = ("--root", CAPTURES / "linux-6.12", "--bytes", "--noheadings")
    done = inspect(*options, "--output", "name,used")
    assert (
        done.stdout == "/dev/zram0                 25161728\n/run/swap files/swap file  17039360\n"
    )
    wrong = inspect(*options, "--output", "name,nonsense")
    assert wrong.returncode == 2
    assert "NONSENSE" in wrong.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--watch", "0"),
        ("--watch", "nan"),
        ("--watch", "inf"),
        ("--json", "--openmetrics"),
        ("--cgroups", "/etc/passwd"),
        ("--watch", "1", "/etc/passwd"),
        ("--openmetrics", "/etc/passwd"),
        ("--output", "NAME", "/etc/passwd"),
        ("--root", CAPTURES / "linux-6.12", "/etc/passwd"),
        ("--fix",),
    ],
)
def test_options_that_make_no_sense_are_a_usage_error(options: tuple[str | Path, ...]) -> None:
    done = inspect(*options)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_watch_prints_again_and_ctrl_c_ends_it_with_130() -> None:
    command = [sys.executable, "-m", "ghostswap", "inspect", "--watch", "0.05", "--output", "name"]
    command += ["--noheadings", "--root", str(CAPTURES / "linux-6.12")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert seen[:3] == seen[3:]
    assert process.returncode == 130
    assert len(errors.splitlines()) <= 1  # no traceback


def watched(*options: str, lines: int) -> list[str]:
    """The first lines of `inspect --watch`, which is then ended."""
    command = [sys.executable, "-m", "ghostswap", "inspect", "--watch", "0.05", *options]
    command += ["--root", str(CAPTURES / "linux-6.12")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(lines)]
        process.kill()
    return seen


def test_watch_says_when() -> None:
    before = datetime.now().replace(microsecond=0)
    (first,) = watched(lines=1)
    time, _, every = first.partition(", ")
    assert before <= datetime.fromisoformat(time) <= datetime.now()
    assert every == "every 0.1 s\n"
    (first,) = watched("--noheadings", lines=1)
    assert "every" not in first


def test_watch_as_json_is_a_document_a_line() -> None:
    once = inspect("--json", "--root", CAPTURES / "linux-6.12")
    for line in watched("--json", lines=3):
        assert json.loads(line) == json.loads(once.stdout)


def test_watch_leaves_the_terminal_as_it_was() -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "ghostswap", "inspect", "--watch", "0.05"]
    command += ["--root", str(CAPTURES / "linux-6.12")]
    environment = os.environ | {"COLUMNS": "60", "LINES": "10"}
    drawn = b""
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        until = time.monotonic() + 30
        while drawn.count(b"\x1b[H") < 3 and time.monotonic() < until:
            drawn += os.read(controller, 1 << 16)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    os.close(controller)
    # Only moves, erasures and bold: no mode (ESC [ ? …) that would have to be undone.
    text = drawn.decode()
    assert {code[-1] for code in re.findall(r"\x1b\[[\d;?]*[A-Za-z]", text)} <= set("HJKm")
    lines = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", text.split("\x1b[H")[1]).splitlines()
    assert len(lines) == 9  # one is left for the cursor
    assert max(map(len, lines)) <= 60


def host_with_ages(folder: Path, enabled: str = "0x0007") -> Path:
    """A host whose multi-generational LRU tells how old the memory of two groups is."""
    for name, text in (
        ("sys/kernel/mm/lru_gen/enabled", f"{enabled}\n"),
        ("proc/vmstat", "nr_anon_pages 25625\n"),
        ("proc/meminfo", "MemTotal: 1048576 kB\nAnonPages: 102500 kB\n"),
        (
            "sys/kernel/debug/lru_gen",
            "memcg     1 /\n node     0\n"
            "          0     700000          0          99 \n"
            "memcg    42 /a\x1bb\n node     0\n"
            "          4     900000        256          10 \n"
            "          5     600000        512           0 \n"
            "          6      31000         16           0 \n"
            "          7       5000          2           0 \n",
        ),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_memory_is_shown_by_how_long_nothing_used_it(tmp_path: Path) -> None:
    """Pages of a generation are unused since the next one was born: 256 of them for 10 minutes."""
    host = host_with_ages(tmp_path)
    shown = inspect("--cgroups", "--root", host).stdout
    _, _, section = shown.partition("Anonymous memory by how long nothing used it (MGLRU)\n")
    heading, row, *_ = section.splitlines()
    assert heading.split() == ["CGROUP", "UNDER-30S", "30S", "2MIN", "10MIN", "1H"]
    assert "99" not in section, "files are not swapped, and the root group has nothing else"
    assert row.startswith("/a\\x1bb"), "a name is shown as text"
    assert row.split()[1:] == ["72", "KiB", "2", "MiB", "0", "B", "1", "MiB", "0", "B"]

    (group,) = told("--cgroups", "--root", host)["lru_gen"]
    assert group["path"] == "/a\x1bb"
    assert group["generations"] == [
        {"unused_seconds": 600.0, "age_seconds": 900.0, "anon_bytes": 256 * 4096},
        {"unused_seconds": 31.0, "age_seconds": 600.0, "anon_bytes": 512 * 4096},
        {"unused_seconds": 5.0, "age_seconds": 31.0, "anon_bytes": 16 * 4096},
        {"unused_seconds": 0.0, "age_seconds": 5.0, "anon_bytes": 2 * 4096},
    ]


def test_ages_are_told_only_where_the_lru_keeps_them(tmp_path: Path) -> None:
    host = host_with_ages(tmp_path, "0x0000")
    assert told("--cgroups", "--root", host)["lru_gen"] is None
    assert "MGLRU" not in inspect("--cgroups", "--root", host).stdout
    on = host_with_ages(tmp_path)
    assert told("--root", on)["lru_gen"] is None, "as with all of --cgroups, it is asked for"
