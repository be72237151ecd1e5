"""`ghostswap mkghost` as a user runs it: the page it writes, and everything it refuses."""

import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from shutil import which

import pytest

from ghostswap.cli import mkghost as command
from ghostswap.cli.app import run
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.swapfile.filesystem import Mount

UUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
PAGE = os.sysconf("SC_PAGE_SIZE")


def mkghost(
    *arguments: str | Path, umask: int = -1, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ghostswap", "mkghost", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
        env={**os.environ, **environment},
    )


def mkswap_page(tmp_path: Path, page_size: int, kib: int, label: str, uuid: str) -> bytes:
    """The page that mkswap writes over a file of one page, as a ghost file is made by hand."""
    reference = tmp_path / "reference"
    reference.write_bytes(bytes(page_size))
    command = ["mkswap", "-q", "-f", "-p", str(page_size), "-U", uuid]
    subprocess.run([*command, "-L", label, str(reference), str(kib)], check=True)
    return reference.read_bytes()


@pytest.mark.skipif(which("mkswap") is None, reason="needs mkswap (util-linux)")
@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize("label", ["", "ghost", "ünï", "123456789012345"])
@pytest.mark.parametrize("kib", [640, 1 << 20, (1 << 34) - 64, 1 << 26 | 64])
def test_the_page_is_mkswaps_byte_for_byte(
    tmp_path: Path, page_size: int, label: str, kib: int
) -> None:
    from ghostswap.swapfile.geometry import last_page_of, whole_pages
    from ghostswap.swapfile.header import NATIVE, Header, build, encode_label, parse_uuid

    header = Header(
        version=1,
        last_page=last_page_of(whole_pages(kib * 1024, page_size), page_size),
        nr_badpages=0,
        bad_pages=(),
        uuid=parse_uuid(UUID),
        volume=encode_label(label),
        page_size=page_size,
        endianness=NATIVE,
    )
    assert build(header) == mkswap_page(tmp_path, page_size, kib, label, UUID)


@pytest.mark.skipif(which("mkswap") is None, reason="needs mkswap (util-linux)")
@pytest.mark.parametrize(
    ("page_size", "uuid"), [(4096, UUID), (16384, "00000000-0000-0000-0000-000000000000")]
)
def test_the_file_is_mkswaps_byte_for_byte(tmp_path: Path, page_size: int, uuid: str) -> None:
    ghost = tmp_path / "ghost"
    word = "nil" if set(uuid) <= set("0-") else uuid
    run = mkghost(
        ghost, "--size", "3GiB", "--label", "zs", "--uuid", word, "--page-size", str(page_size)
    )
    assert run.returncode == 0, run.stderr
    assert ghost.read_bytes() == mkswap_page(tmp_path, page_size, 3 << 20, "zs", uuid)


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_the_other_byte_order_swaps_the_numbers_only(tmp_path: Path, page_size: int) -> None:
    pages = {}
    for order in ("little", "big", "native"):
        ghost = tmp_path / order
        arguments = ("--size", "8G", "--uuid", UUID, "--label", "x", "--page-size", str(page_size))
        assert mkghost(ghost, *arguments, "--endianness", order).returncode == 0
        pages[order] = ghost.read_bytes()
    assert pages["native"] == pages[sys.byteorder]
    numbers = struct.unpack_from("<3I", pages["little"], 1024)
    assert numbers == (1, (8 << 30) // page_size - 1, 0)
    swapped = bytearray(pages["little"])
    struct.pack_into(">3I", swapped, 1024, *numbers)
    assert pages["big"] == bytes(swapped)


def test_the_document_says_both_page_counts(tmp_path: Path) -> None:
    ghost = tmp_path / "ghost"
    run = mkghost(ghost, "--size", "1GiB", "--label", "zs", "--uuid", UUID, "--json")
    assert json.loads(run.stdout) == {
        "schema": "ghostswap.mkghost/1",
        "path": str(ghost),
        "page_size": PAGE,
        "pages": (1 << 30) // PAGE,
        "last_page": (1 << 30) // PAGE - 1,
        "usable_bytes": (1 << 30) - PAGE,
        "size_bytes": 1 << 30,
        "uuid": UUID,
        "label": "zs",
        "endianness": sys.byteorder,
    }


def test_pages_and_size_mean_the_same(tmp_path: Path) -> None:
    by_size, by_pages = tmp_path / "by-size", tmp_path / "by-pages"
    mkghost(by_size, "--size", str(1000 * PAGE), "--uuid", UUID)
    mkghost(by_pages, "--pages", "1000", "--uuid", UUID)
    assert by_size.read_bytes() == by_pages.read_bytes()


def test_two_ghosts_have_different_uuids(tmp_path: Path) -> None:
    uuids = {
        json.loads(mkghost(tmp_path / str(i), "--size", "1M", "--json").stdout)["uuid"]
        for i in range(2)
    }
    assert len(uuids) == 2


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
@pytest.mark.parametrize("force", [False, True])
def test_the_file_is_private_whole_and_allocated(tmp_path: Path, umask: int, force: bool) -> None:
    ghost = tmp_path / "ghost"
    if force:
        ghost.write_text("old")
        ghost.chmod(0o644)
    run = mkghost(ghost, "--size", "1G", *(["--force"] if force else []), umask=umask)
    assert run.returncode == 0, run.stderr
    facts = ghost.lstat()
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert facts.st_size == PAGE
    assert facts.st_blocks * 512 >= facts.st_size
    assert facts.st_nlink == 1
    assert list(tmp_path.iterdir()) == [ghost]


def test_the_user_is_told_that_a_stock_kernel_refuses_it(tmp_path: Path) -> None:
    loud = mkghost(tmp_path / "loud", "--size", "1G", "--json")
    quiet = mkghost(tmp_path / "quiet", "--size", "1G", "--quiet")
    assert "EINVAL" in loud.stderr
    json.loads(loud.stdout)
    assert quiet.stderr == ""


def test_the_user_is_told_when_the_page_size_is_not_this_machines(tmp_path: Path) -> None:
    other = 16384 if PAGE == 4096 else 4096
    run = mkghost(tmp_path / "ghost", "--size", "1G", "--page-size", str(other))
    assert f"{other} bytes" in run.stderr
    assert (tmp_path / "ghost").stat().st_size == other


def test_an_existing_file_is_left_alone_without_force(tmp_path: Path) -> None:
    ghost = tmp_path / "ghost"
    ghost.write_text("precious")
    run = mkghost(ghost, "--size", "1G")
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert "--force" in run.stderr
    assert ghost.read_text() == "precious"


def test_force_replaces_the_name_and_not_the_other_links_of_a_file(tmp_path: Path) -> None:
    ghost, link = tmp_path / "ghost", tmp_path / "link"
    ghost.write_text("precious")
    link.hardlink_to(ghost)
    assert mkghost(ghost, "--size", "1G", "--force").returncode == 0
    assert link.read_text() == "precious"
    assert ghost.stat().st_size == PAGE


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kind", ["directory", "symlink", "dangling", "fifo", "socket", "device"])
def test_what_is_no_regular_file_is_never_replaced(tmp_path: Path, kind: str, force: bool) -> None:
    target = tmp_path / "target"
    if kind == "directory":
        target.mkdir()
    elif kind == "symlink":
        (tmp_path / "real").write_text("precious")
        target.symlink_to("real")
    elif kind == "dangling":
        target.symlink_to("nowhere")
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(str(target))
    else:
        target = Path("/dev/null")
    before = sorted(tmp_path.iterdir())
    mode = target.lstat().st_mode
    run = mkghost(target, "--size", "1G", *(["--force"] if force else []))
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert str(target) in run.stderr
    assert target.lstat().st_mode == mode
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", str(PAGE)], "at least"),
        (["--size", "0"], "at least"),
        (["--pages", "1"], "at least"),
        (["--pages", "-5"], "at least"),
        (["--pages", str(2**32), "--page-size", "4096"], str((2**32 - 1) * 4096)),
        (["--size", "64TiB", "--page-size", "16384"], str((2**32 - 1) * 16384)),
        (["--size", "1G", "--label", "sixteen bytes ok"], "16 bytes"),
        (["--size", "1G", "--uuid", "notauuid"], "UUID"),
        (["--size", "1G", "--page-size", "5000"], "5000"),
        (["--size", "1G", "--page-size", "0"], "0 is no page size"),
        (["--size", "lots"], "lots"),
        (["--size", "1G", "--pages", "9"], "not both"),
        ([], "--size"),
        (["--size", "1G", "--endianness", "middle"], "middle"),
    ],
)
def test_wrong_usage_writes_nothing_and_says_why(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    run = mkghost(tmp_path / "ghost", *arguments)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert words in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_largest_area_is_the_kernels(tmp_path: Path) -> None:
    run = mkghost(tmp_path / "ghost", "--pages", str(2**32 - 1), "--json")
    assert json.loads(run.stdout)["last_page"] == 2**32 - 2


def test_a_dry_run_shows_the_same_and_writes_nothing(tmp_path: Path) -> None:
    arguments = (tmp_path / "ghost", "--size", "1G", "--uuid", UUID, "--json")
    dry = mkghost(*arguments, "--dry-run")
    assert list(tmp_path.iterdir()) == []
    assert dry.stdout == mkghost(*arguments).stdout
    assert mkghost(*arguments, "--dry-run").returncode == 1  # it is there now


def test_a_missing_directory_is_one_clear_line(tmp_path: Path) -> None:
    run = mkghost(tmp_path / "no" / "ghost", "--size", "1G", "--quiet")
    assert run.returncode == 1
    assert run.stderr == f"ghostswap: {tmp_path / 'no'}: No such file or directory\n"


@pytest.mark.parametrize("force", [False, True])
def test_without_unnamed_files_the_ghost_still_appears_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    from ghostswap.errors import GhostswapError
    from ghostswap.swapfile import create

    monkeypatch.setattr(create, "_open_unnamed", lambda directory: None)
    ghost = tmp_path / "ghost"
    create.write_ghost(ghost, b"x" * PAGE, replace=force)
    assert list(tmp_path.iterdir()) == [ghost]
    if force:
        create.write_ghost(ghost, b"y" * PAGE, replace=True)
        assert ghost.read_bytes() == b"y" * PAGE
    else:
        with pytest.raises(GhostswapError, match="exists"):
            create.write_ghost(ghost, b"y" * PAGE, replace=False)
        assert ghost.read_bytes() == b"x" * PAGE
    assert list(tmp_path.iterdir()) == [ghost]


@pytest.mark.parametrize("unnamed", [False, True])
@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unnamed: bool, replace: bool
) -> None:
    from ghostswap.errors import GhostswapError
    from ghostswap.swapfile import create

    ghost = tmp_path / "ghost"
    fill = create._fill

    def race(path: Path, fd: int, page: bytes) -> None:
        fill(path, fd, page)
        ghost.mkdir() if replace else ghost.write_text("precious")

    monkeypatch.setattr(create, "_fill", race)
    if not unnamed:
        monkeypatch.setattr(create, "_open_unnamed", lambda directory: None)
    with pytest.raises(GhostswapError):
        create.write_ghost(ghost, b"x" * PAGE, replace=replace)
    assert list(tmp_path.iterdir()) == [ghost]
    assert ghost.is_dir() if replace else ghost.read_text() == "precious"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_the_old_file_or_the_whole_new_one(
    tmp_path: Path, number: signal.Signals
) -> None:
    ghost = tmp_path / "ghost"
    for delay in (0.05, 0.08, 0.1, 0.12, 0.15):
        ghost.write_text("old")
        command = [sys.executable, "-m", "ghostswap", "mkghost", str(ghost)]
        with subprocess.Popen(
            [*command, "--size", "1G", "--force"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            time.sleep(delay)
            process.send_signal(number)
        assert list(tmp_path.iterdir()) == [ghost]
        assert ghost.read_bytes() == b"old" or ghost.stat().st_size == PAGE


def test_standard_output_is_no_ghost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["mkghost", "-", "--size", "1G"]) == 2
    assert "nothing to standard output" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_on_tmpfs_it_says_that_no_kernel_swaps_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for filesystem, warned in (("tmpfs", True), ("ext4", False)):
        mount = Mount(filesystem, frozenset({"rw"}))
        monkeypatch.setattr(command, "mount_of", lambda fd, mount=mount: mount)
        assert run(["mkghost", str(tmp_path / filesystem), "--size", "1G"]) == 0
        assert ("a reboot removes it" in capsys.readouterr().err) == warned
