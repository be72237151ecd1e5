"""`ghostswap label` as a user runs it: shown, changed, or refused in one line."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ghostswap.cli.app import run

UUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


@pytest.fixture
def ghost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "ghost"
    assert run(["mkghost", str(path), "--size", "1G", "--label", "old", "--uuid", UUID]) == 0
    capsys.readouterr()
    return path


def test_label_and_uuid_are_shown_as_swaplabel_does(
    ghost: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["label", str(ghost)]) == 0
    assert capsys.readouterr().out == f"LABEL: old\nUUID:  {UUID}\n"


def test_the_label_changes_and_the_uuid_stays(
    ghost: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["label", str(ghost), "--label", "ünï"]) == 0
    assert capsys.readouterr().out == f"LABEL: ünï\nUUID:  {UUID}\n"
    assert run(["label", str(ghost), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": "ghostswap.label/1",
        "path": str(ghost),
        "label": "ünï",
        "uuid": UUID,
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "endianness": sys.byteorder,
    }


def test_uuid_random_and_nil(ghost: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["label", str(ghost), "--uuid", "random"]) == 0
    assert UUID not in capsys.readouterr().out
    assert run(["label", str(ghost), "--uuid", "nil", "--label", ""]) == 0
    assert capsys.readouterr().out == "LABEL:\nUUID:  00000000-0000-0000-0000-000000000000\n"


def test_size_mode_and_place_of_the_file_stay(ghost: Path) -> None:
    before = ghost.stat()
    assert run(["label", str(ghost), "--label", "new"]) == 0
    after = ghost.stat()
    assert (before.st_ino, before.st_size, before.st_mode) == (
        after.st_ino,
        after.st_size,
        after.st_mode,
    )
    assert stat.S_IMODE(after.st_mode) == 0o600


@pytest.mark.parametrize("bad", [["--label", "sixteen bytes ..."], ["--uuid", "no-uuid"]])
def test_a_bad_value_changes_nothing(
    ghost: Path, bad: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = ghost.read_bytes()
    assert run(["label", str(ghost), *bad]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert ghost.read_bytes() == before


@pytest.mark.parametrize(
    ("magic", "words"),
    [
        (bytes(10), "not a swap area"),
        (b"SWAP-SPACE", "old format"),
        (b"S1SUSPEND\0", "suspended system"),
    ],
)
def test_what_has_no_label_to_change_is_refused(
    ghost: Path, magic: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ghost.read_bytes()[:-10] + magic
    ghost.write_bytes(page)
    assert run(["label", str(ghost), "--label", "new"]) == 1
    complaint = capsys.readouterr().err
    assert words in complaint
    assert complaint.count("\n") == 1
    assert ghost.read_bytes() == page


def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    command = [sys.executable, "-m", "ghostswap", "label", str(tmp_path / "fifo"), "--label", "x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "neither a regular file nor a block device" in done.stderr
