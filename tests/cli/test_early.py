"""What could not be written in the end is refused before anything is read: the source of each line
here does not exist, and nobody complains of that."""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ghostswap import extras
from ghostswap.cli.app import run
from tests.estimates import estimate, refusal


def test_without_pyarrow_saving_is_refused_by_the_pip_that_helps(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None; from ghostswap.cli.app import run; "
        "sys.exit(run(sys.argv[1:]))"
    )
    words = ["estimate-dedup", str(tmp_path / "no-such-dump"), "--save", str(tmp_path / "c")]
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    pip = f"{shlex.quote(sys.executable)} -m pip install 'ghostswap[census]'"
    assert done.stderr == f"ghostswap: --save: needs pyarrow: {pip}\n"
    assert (done.returncode, done.stdout) == (1, "")


def test_a_distributions_own_python_is_not_told_to_use_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert "pip" not in str(extras.missing("--save", "pyarrow", "census"))


@pytest.mark.parametrize("option", ["--save", "--plot"])
def test_a_place_where_no_file_can_be(option: str, tmp_path: Path) -> None:
    missing = tmp_path / "no-such-dump"
    assert "no-such-folder: is no directory" in refusal(
        missing, option, tmp_path / "no-such-folder" / "a.svg"
    )
    os.mkfifo(tmp_path / "fifo.svg")
    assert "no regular file" in refusal(missing, option, tmp_path / "fifo.svg")
    (tmp_path / "folder.svg").mkdir()
    assert "is a directory" in refusal(missing, option, tmp_path / "folder.svg")


@pytest.mark.parametrize("option", ["--save", "--plot"])
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_one_may_not_write(option: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    line = refusal(tmp_path / "no-such-dump", option, closed / "a.svg")
    assert line == f"ghostswap: {closed}: Permission denied\n"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--seed", "4"), "--seed: goes with --quick or --idle; else no sample is drawn"),
        (("--kernel", "six"), "--kernel: not a kernel version: 'six' (example: 6.12)"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    options: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path / "no-such-dump", *options, status=2) == f"ghostswap: {line}\n"


@pytest.mark.parametrize(
    ("kernel", "line"),
    [
        ("6.99", "no Linux 6.99 was released: by the rules of 6.19"),
        ("9.1", "Linux 9.1 is newer than what was checked: by the rules of 7.2"),
        ("2.6", "Linux 2.6 is older than what was checked: by the rules of 5.4"),
    ],
)
def test_a_kernel_that_is_not_known_is_told(
    kernel: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["plan", "--ratio", "3", "--ram", "8G", "--print", "mib", "--kernel", kernel]
    assert run(words) == 0
    assert capsys.readouterr().err == f"ghostswap: warning: {line}\n"


def test_censuses_of_two_salts_name_both_files(tmp_path: Path) -> None:
    dump, one, other = (tmp_path / name for name in ("dump", "one.parquet", "other.parquet"))
    dump.write_bytes(os.urandom(3 * os.sysconf("SC_PAGE_SIZE")))
    estimate(dump, "--save", one)
    estimate(dump, "--save", other)
    line = refusal(one, other)
    assert line == (
        f"ghostswap: {other}: was saved with another salt than {one}: give all one --salt-file\n"
    )


def test_a_key_for_hashes_that_have_one(tmp_path: Path) -> None:
    dump, saved = tmp_path / "dump", tmp_path / "saved.parquet"
    dump.write_bytes(os.urandom(3 * os.sysconf("SC_PAGE_SIZE")))
    estimate(dump, "--save", saved)
    for option in ("--salt-file", "--new-salt-file"):
        line = refusal(saved, option, tmp_path / "key", "--save", tmp_path / "again", status=2)
        assert line == f"ghostswap: {option}: saved censuses have a salt already, which they keep\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump", "saved.parquet"]
