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


def test_a_key_for_hashes_that_have_one(tmp_path: Path) -> None:
    dump, saved = tmp_path / "dump", tmp_path / "saved.parquet"
    dump.write_bytes(os.urandom(3 * os.sysconf("SC_PAGE_SIZE")))
    estimate(dump, "--save", saved)
    for option in ("--salt-file", "--new-salt-file"):
        line = refusal(saved, option, tmp_path / "key", "--save", tmp_path / "again", status=2)
        assert line == f"ghostswap: {option}: saved censuses have a salt already, which they keep\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dump", "saved.parquet"]
