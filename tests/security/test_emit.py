"""What `plan --emit` prints may be run as root: nothing in an estimate or a path becomes a command
or a line of its own. Each form is read by the program that it is for."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest

MACHINE = ("--ram", "8G", "--max-pool-percent", "20", "--page-size", "4096")
FORMS = ("sh", "fstab", "systemd", "zram-generator")
ALGORITHMS = [
    "lz4; touch PWNED",
    "lz4\ntouch PWNED\n",
    "$(touch PWNED)",
    "`touch PWNED`",
    "lz4 > PWNED",
    "zstd:$(touch PWNED)",
    "zstd:3\n[Service]\nExecStart=touch PWNED",
    "lz4\nw /etc/shadow - - - - x",
    "lz4\x1b]0;title\x07",
    "zstd:٣",
    "../../lz4",
    "",
]
PATHS = [
    "/swap/a b",
    "/swap/'; touch PWNED; '",
    '/swap/"; touch PWNED; "',
    "/swap/$(touch PWNED)`touch PWNED`",
    "/swap/$HOME ${HOME} %h %% %n",
    "/swap/#comment",
    "/swap/back\\slash\\040",
    "/swap/*?[a-z]~",
    "/swap/größe😀",
    "/swap/ --size 1",
    "/swap/=a|!b",
]


def plan(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ghostswap", "plan", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def lines(form: str, path: str | Path) -> list[str]:
    done = plan("--ratio", "3", *MACHINE, "--emit", form, "--path", path)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def estimate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("emit")
    dump = folder / "pages.raw"
    dump.write_bytes((os.urandom(256) * 16) * 2000)
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json", str(dump)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("name", ALGORITHMS, ids=repr)
def test_an_algorithm_of_no_kernel_is_refused_before_a_line_is_printed(
    tmp_path: Path, estimate: dict[str, Any], name: str
) -> None:
    document = json.loads(json.dumps(estimate))
    for row in document["systems"]:
        row["algorithm"] = row["algorithm"] and name
    report = tmp_path / "estimate.json"
    report.write_text(json.dumps(document))
    for form in FORMS:
        done = plan(report, *MACHINE, "--emit", form)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Linux has no compressor called" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_census_that_names_such_an_algorithm_sets_nothing_up_either(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    census, dump = tmp_path / "a.parquet", tmp_path / "pages.raw"
    dump.write_bytes((os.urandom(256) * 16) * 100)
    command = [
        sys.executable,
        "-m",
        "ghostswap",
        "estimate-dedup",
        "--save",
        str(census),
        str(dump),
    ]
    subprocess.run(command, capture_output=True, check=True)
    name = "lz4; touch PWNED #"
    table = pq.read_table(census)
    kept = table.schema.metadata
    table = table.rename_columns([name if old == "lz4" else old for old in table.column_names])
    metadata = {
        key: value.replace(b'"lz4"', json.dumps(name).encode()) for key, value in kept.items()
    }
    pq.write_table(table.replace_schema_metadata(metadata), census)
    for form in FORMS:
        done = plan(census, *MACHINE, "--quiet", "--emit", form)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["/a\nb", "/a\rb", "/a\x1b[2J", "/a\u2028b", "/a\x7f", "/\u202eb"])
def test_a_path_that_no_line_can_carry_is_refused(form: str, path: str) -> None:
    ratio = ("--ratio", "3", *MACHINE, "--emit", form, "--path", path)
    done = plan(*ratio)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.rstrip("\n").isprintable()


def stub(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def harmless(text: list[str], folder: Path) -> str:
    """The script with the kernel's settings in `folder`."""
    settings = folder / "parameters"
    settings.mkdir()
    return "\n".join(text).replace("/sys/module/zswap/parameters", str(settings))


def run_shell(script: str, folder: Path, programs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": "/root"},
        capture_output=True,
        text=True,
        check=False,
    )


RECORD = 'printf "%s\\0" "$(basename "$0")" "$@" >> "$PWD/called"'


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_the_shell_hands_the_path_on_as_it_is(tmp_path: Path, path: str) -> None:
    for name in ("ghostswap", "mkdir"):
        stub(tmp_path / "bin", name, RECORD)
    done = run_shell(harmless(lines("sh", path), tmp_path), tmp_path, tmp_path / "bin")
    assert (done.returncode, done.stderr) == (0, "")
    words = (tmp_path / "called").read_bytes().decode().split("\0")
    assert words[:3] == ["mkdir", "-p", str(Path(path).parent)]
    assert words[3:6] == ["ghostswap", "mkghost", path]
    assert words[-6:] == ["ghostswap", "on", path, "--priority", "100", ""]
    assert {each.name for each in tmp_path.iterdir()} == {"bin", "called", "parameters"}


def test_the_shell_stops_at_the_first_failure(tmp_path: Path) -> None:
    stub(tmp_path / "bin", "ghostswap", f'{RECORD}; test "$1" != mkghost')
    stub(tmp_path / "bin", "mkdir", "exit 0")
    done = run_shell(harmless(lines("sh", "/swap/ghost"), tmp_path), tmp_path, tmp_path / "bin")
    assert done.returncode == 1
    assert b"ghostswap\0on\0" not in (tmp_path / "called").read_bytes()


def test_the_shell_changes_nothing_where_ghostswap_is_not_found(tmp_path: Path) -> None:
    text = [line for line in lines("sh", "/swap/ghost") if not line.startswith("PATH=")]
    done = run_shell(harmless(text, tmp_path), tmp_path, tmp_path / "none")
    assert (done.returncode, done.stderr) == (1, "ghostswap: not found\n")
    assert list((tmp_path / "parameters").iterdir()) == []


def test_the_shell_finds_the_program_that_printed_it(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("ghostswap")
    if not program.is_file():
        pytest.skip("ghostswap is not installed as a program here")
    ghost = tmp_path / "folder" / "ghost"
    text = [line for line in lines("sh", ghost) if not line.startswith("ghostswap on")]
    done = run_shell(harmless(text, tmp_path), tmp_path, tmp_path / "none")
    assert done.returncode == 0, done.stderr
    assert ghost.stat().st_size == 4096


def swapfile_lines(path: str | Path) -> list[str]:
    done = plan("--ratio", "3", *MACHINE, "--design", "swapfile", "--demand", "8M", "--emit", "sh",
                "--path", path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_a_swapfile_is_made_whole_and_turned_on(tmp_path: Path, path: str) -> None:
    """By the real fallocate and mkswap."""
    if which("fallocate") is None or which("mkswap", path="/usr/sbin:/sbin") is None:
        pytest.skip("needs fallocate and mkswap")
    file = Path(f"{tmp_path}/made{path}")
    stub(tmp_path / "bin", "swapon", RECORD)
    script = "PATH=$PATH:/usr/sbin\n" + harmless(swapfile_lines(file), tmp_path)
    done = run_shell(script, tmp_path, tmp_path / "bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert file.stat().st_size == 9 << 20
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"SWAPSPACE2" in file.read_bytes()[:65536]
    assert (tmp_path / "parameters/enabled").read_text() == "Y\n"
    words = (tmp_path / "called").read_bytes().decode().split("\0")
    assert words == ["swapon", "--priority", "100", str(file), ""]
    again = run_shell(script, tmp_path, tmp_path / "bin")
    assert (again.returncode, again.stderr) == (1, "the swapfile exists already\n")
    assert file.stat().st_size == 9 << 20


@pytest.mark.parametrize("failing", ["fallocate", "mkswap"])
def test_a_swapfile_that_cannot_be_made_leaves_nothing(tmp_path: Path, failing: str) -> None:
    file = tmp_path / "a folder/swapfile"
    stub(tmp_path / "bin", "fallocate", ': > "$3"')
    for name in ("mkswap", "swapon"):
        stub(tmp_path / "bin", name, RECORD)
    stub(tmp_path / "bin", failing, ': > "$3"; exit 5' if failing == "fallocate" else "exit 5")
    done = run_shell(harmless(swapfile_lines(file), tmp_path), tmp_path, tmp_path / "bin")
    assert done.returncode == 5
    assert list(file.parent.iterdir()) == []
    assert list((tmp_path / "parameters").iterdir()) == []


def test_a_swapfile_on_btrfs_is_made_by_its_own_program(tmp_path: Path) -> None:
    for name in ("fallocate", "mkswap", "swapon", "btrfs"):
        stub(tmp_path / "bin", name, RECORD)
    stub(tmp_path / "bin", "stat", "echo btrfs")
    file = tmp_path / "a folder/swapfile"
    done = run_shell(harmless(swapfile_lines(file), tmp_path), tmp_path, tmp_path / "bin")
    assert (done.returncode, done.stderr) == (0, "")
    words = (tmp_path / "called").read_bytes().decode().split("\0")
    size = str(9 << 20)
    assert words[:6] == ["btrfs", "filesystem", "mkswapfile", "--size", size, str(file)]
    assert words[6] == "swapon"


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_fstab_is_one_line_whose_first_field_is_the_path(tmp_path: Path, path: str) -> None:
    if which("findmnt") is None:
        pytest.skip("needs findmnt, to read fstab as mount(8) does")
    table = tmp_path / "fstab"
    table.write_text("\n".join(lines("fstab", path)) + "\n")
    done = subprocess.run(
        ["findmnt", "--tab-file", table, "--json", "-o", "SOURCE,FSTYPE"],
        capture_output=True, text=True, check=True, env={"LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    (entry,) = json.loads(done.stdout)["filesystems"]
    assert entry == {"source": path, "fstype": "swap"}


def unit_files(text: list[str]) -> dict[str, str]:
    parts = re.split(r"^# /etc/\S*/(\S+)$", "\n".join(text), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", PATHS, ids=repr)
def test_units_hand_the_path_on_and_have_no_line_more(tmp_path: Path, path: str) -> None:
    text = lines("systemd", path)
    assert len(text) == len(lines("systemd", "/swap/ghost"))
    files = unit_files(text)
    for name, verb in (("ghostswap-file.service", "mkghost"), ("ghostswap.service", "on")):
        (command,) = re.findall(r"^ExecStart=(.*)$", files[name], re.MULTILINE)
        words = shlex.split(command)  # in double quotes, systemd.syntax(7) has the same two escapes
        assert words[:3] == ["/usr/bin/env", "ghostswap", verb]
        assert words[3].replace("%%", "%").replace("$$", "$") == path
    if which("systemd-analyze") is not None:
        units = [tmp_path / name for name in files if name.endswith(".service")]
        for unit in units:
            unit.write_text(files[unit.name])
        done = subprocess.run(
            ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
        )
        assert [line for line in done.stderr.splitlines() if "ghostswap" in line] == []


@pytest.mark.parametrize("path", ["/swap/ends\\", "/swap/ends "], ids=repr)
def test_a_path_whose_end_a_unit_would_lose_is_refused(path: str) -> None:
    done = plan("--ratio", "3", *MACHINE, "--emit", "systemd", "--path", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_tmpfiles_writes_the_settings_and_nothing_else(
    tmp_path: Path, estimate: dict[str, Any]
) -> None:
    if which("systemd-tmpfiles") is None:
        pytest.skip("needs systemd-tmpfiles")
    report, root = tmp_path / "estimate.json", tmp_path / "root"
    report.write_text(json.dumps(estimate))
    settings = root / "sys/module/zswap/parameters"
    settings.mkdir(parents=True)
    for name in ("compressor", "max_pool_percent", "enabled"):
        (settings / name).write_text("")
    done = plan(report, *MACHINE, "--quiet", "--emit", "systemd")
    assert done.returncode == 0, done.stderr
    config = tmp_path / "ghostswap.conf"
    config.write_text(unit_files(done.stdout.splitlines())["ghostswap.conf"])
    command = ["systemd-tmpfiles", "--create", f"--root={root}", str(config)]
    subprocess.run(command, check=True, capture_output=True)
    written = {path.name: path.read_text().strip() for path in settings.iterdir()}
    assert written == {"compressor": "lz4", "max_pool_percent": "20", "enabled": "Y"}


def test_zram_is_set_up_by_programs_that_are_looked_for_first(
    tmp_path: Path, estimate: dict[str, Any]
) -> None:
    report = tmp_path / "estimate.json"
    report.write_text(json.dumps(estimate))
    done = plan(report, *MACHINE, "--quiet", "--system", "zram", "--emit", "sh")
    assert done.returncode == 0, done.stderr
    for name in ("modprobe", "zramctl", "swapon"):
        stub(tmp_path / "bin", name, RECORD)
    stub(tmp_path / "bin", "mkswap", "exit 7")
    script = done.stdout.replace("/sys/block", str(tmp_path))
    script = script.replace("mem_limit", "limit")
    stub(tmp_path / "bin", "zramctl", f"{RECORD}; echo /dev/zram9")
    (tmp_path / "zram9").mkdir()
    assert run_shell(script, tmp_path, tmp_path / "bin").returncode == 7
    words = (tmp_path / "called").read_bytes().decode().split("\0")
    assert words[words.index("--algorithm") + 1] == "lz4"
    assert "swapon" not in words
    assert words[-4:] == ["zramctl", "--reset", "/dev/zram9", ""]
    assert int((tmp_path / "zram9/limit").read_text()) > 0
