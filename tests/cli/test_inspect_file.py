"""`ghostswap inspect PATH` as a user runs it: what it tells of every kind of file, and its JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import pytest

PAGE = os.sysconf("SC_PAGE_SIZE")
UUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

pytestmark = pytest.mark.skipif(which("mkswap") is None, reason="needs mkswap (util-linux)")


def ghostswap(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ghostswap", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def inspect(path: Path, status: int = 0) -> dict[str, Any]:
    """What `inspect --json` says of one path."""
    done = ghostswap("inspect", "--json", path)
    assert done.returncode == status, done.stderr
    shown: list[dict[str, Any]] = json.loads(done.stdout)
    return shown[0]


@pytest.fixture
def swapfile(tmp_path: Path) -> Path:
    path = tmp_path / "swapfile"
    path.write_bytes(os.urandom(1 << 20))
    path.chmod(0o600)
    subprocess.run(["mkswap", "-q", "-f", "-U", UUID, "-L", "disk", str(path)], check=True)
    return path


@pytest.fixture
def ghost(tmp_path: Path) -> Path:
    path = tmp_path / "ghost"
    done = ghostswap("mkghost", path, "--size", "64G", "--label", "ghost", "--uuid", UUID)
    assert done.returncode == 0, done.stderr
    return path


def test_a_ghost_is_told_from_a_swapfile(ghost: Path, swapfile: Path) -> None:
    assert inspect(ghost)["kind"] == "ghost"
    assert inspect(swapfile)["kind"] == "swapfile"


def test_the_json_of_a_ghost_has_every_key_of_the_contract(ghost: Path) -> None:
    shown = inspect(ghost)
    pages = (64 << 30) // PAGE
    assert shown["path"] == str(ghost)
    assert shown["header"] == {
        "version": 1,
        "last_page": pages - 1,
        "nr_badpages": 0,
        "uuid": UUID,
        "label": "ghost",
        "page_size": PAGE,
        "endianness": sys.byteorder,
        "bad_pages": [],
    }
    assert shown["file"]["size_bytes"] == PAGE
    assert shown["file"]["allocated_bytes"] >= PAGE
    assert shown["file"]["mode"] == "0600"
    assert shown["file"]["uid"] == os.geteuid()
    assert isinstance(shown["file"]["filesystem"], str)
    verdicts = shown["verdicts"]
    assert verdicts["ghost"]["accepted"] is True
    assert verdicts["ghost"]["usable_pages"] == pages - 1
    assert verdicts["stock"]["accepted"] is False
    assert verdicts["stock"]["usable_pages"] == 0
    assert verdicts["stock"]["checks"][-1] == {
        "name": "length",
        "ok": False,
        "message": "Swap area shorter than signature indicates",
    }
    assert set(shown["swapon"]) == {"accepted", "reason"}
    assert (shown["swapon"]["reason"] is None) == shown["swapon"]["accepted"]
    assert any("libblkid" in warning for warning in shown["warnings"])


def test_the_text_shows_both_verdicts_and_the_kernels_words(ghost: Path) -> None:
    shown = ghostswap("inspect", ghost).stdout
    assert "stock kernel refuses the header" in shown
    assert "[Swap area shorter than signature indicates]" in shown
    assert "ghost kernel takes the header" in shown
    assert "label       ghost" in shown
    assert UUID in shown


@pytest.mark.parametrize(
    ("magic", "kind"),
    [
        (b"SWAP-SPACE", "old-format"),
        (b"S1SUSPEND\0", "hibernation-image"),
        (b"LINHIB0001", "hibernation-image"),
    ],
)
def test_signatures_that_are_no_swap_any_more(swapfile: Path, magic: bytes, kind: str) -> None:
    with swapfile.open("r+b") as area:
        area.seek(PAGE - 10)
        area.write(magic)
    shown = inspect(swapfile)
    assert shown["kind"] == kind
    assert shown["header"]["label"] == "disk"
    assert not shown["swapon"]["accepted"]


def test_a_file_cut_short_is_truncated_and_no_ghost(swapfile: Path) -> None:
    os.truncate(swapfile, 1 << 19)
    shown = inspect(swapfile)
    assert shown["kind"] == "truncated"
    assert any(f"mkswap {swapfile}" in warning for warning in shown["warnings"])
    os.truncate(swapfile, 2 * PAGE)
    assert inspect(swapfile)["kind"] == "truncated"


@pytest.mark.parametrize("content", [b"", b"x", bytes(PAGE), b"SWAPSPACE2", bytes(PAGE - 10)])
def test_what_is_no_swap_area_is_one_line_and_status_1(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    done = ghostswap("inspect", path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "not a swap area" in done.stderr
    shown = inspect(path, status=1)
    assert (shown["kind"], shown["header"]) == ("not-swap", None)
    assert all(verdict["checks"] for verdict in shown["verdicts"].values())


def test_one_bad_path_does_not_hide_the_others(ghost: Path, tmp_path: Path) -> None:
    done = ghostswap("inspect", "--json", tmp_path / "missing", ghost)
    assert done.returncode == 1
    assert [shown["path"] for shown in json.loads(done.stdout)] == [str(ghost)]
    assert "No such file" in done.stderr


def test_a_directory_and_a_fifo_are_named_for_what_they_are(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "directory" in ghostswap("inspect", tmp_path).stderr.lower()
    assert "FIFO" in ghostswap("inspect", tmp_path / "fifo").stderr


def test_open_permissions_are_warned_about_with_the_mend(swapfile: Path) -> None:
    swapfile.chmod(0o644)
    assert f"insecure permissions 0644: chmod 0600 {swapfile}" in inspect(swapfile)["warnings"]


def test_holes_are_warned_about(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    path.touch(0o600)
    os.truncate(path, 1 << 20)
    subprocess.run(["mkswap", "-q", str(path)], check=True, stderr=subprocess.DEVNULL)
    shown = inspect(path)
    assert not shown["swapon"]["accepted"]
    assert any("holes" in warning for warning in shown["warnings"])
    assert any(f"--fix {path} fills the holes" in warning for warning in shown["warnings"])


def test_an_area_for_other_pages_is_refused_here(tmp_path: Path) -> None:
    other = 65536 if PAGE == 4096 else 4096
    path = tmp_path / "ghost"
    ghostswap("mkghost", path, "--size", "1G", "--page-size", other)
    shown = inspect(path)
    assert shown["kind"] == "ghost"
    assert shown["header"]["page_size"] == other
    assert not shown["swapon"]["accepted"]
    assert any(f"made for pages of {other} bytes" in warning for warning in shown["warnings"])


def test_a_label_cannot_move_the_cursor(swapfile: Path) -> None:
    with swapfile.open("r+b") as area:
        area.seek(1052)
        area.write(b"\x1b[2Jevil\n\xff\0")
    shown = ghostswap("inspect", swapfile).stdout
    assert "\x1b" not in shown
    assert "\\x1b[2Jevil\\n" in shown
    assert inspect(swapfile)["header"]["label"] == "\x1b[2Jevil\n\\xff"
