"""`inspect PATH` and swapon(2) say the same of real files on real file systems."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from ghostswap.cli.app import run
from ghostswap.swapfile.inspection import inspect_path
from tests.kernel.disks import Disks, answer, command, swapped_on

pytestmark = pytest.mark.skipif(which("mkswap") is None, reason="needs mkswap (util-linux)")

SIZE = 1 << 20
Build = Callable[[Path], None]


# -- how a swapfile comes to be ------------------------------------------------------------------


def mkswap(path: Path, *options: object) -> None:
    path.chmod(0o600)
    command("mkswap", "-q", "-f", *options, path)


def allocated(path: Path) -> None:
    command("fallocate", "-l", SIZE, path)
    mkswap(path)


def written(path: Path) -> None:
    path.write_bytes(os.urandom(SIZE))
    mkswap(path)


def sparse(path: Path) -> None:
    command("truncate", "-s", SIZE, path)
    mkswap(path)


def with_a_hole(path: Path) -> None:
    allocated(path)
    command("fallocate", "--punch-hole", "-o", SIZE // 2, "-l", 65536, path)


def cut_short(path: Path) -> None:
    allocated(path)
    os.truncate(path, SIZE - 4096)


def longer_than_it_says(path: Path) -> None:
    allocated(path)
    command("fallocate", "-l", SIZE * 2 + 100, path)


def for_other_pages(path: Path) -> None:
    command("fallocate", "-l", SIZE, path)
    mkswap(path, "-p", 65536)


def with_bad_pages(path: Path) -> None:
    allocated(path)
    patch(path, 1032, b"\1\0\0\0")
    patch(path, 1536, b"\5\0\0\0")


def of_version_two(path: Path) -> None:
    allocated(path)
    patch(path, 1024, b"\2\0\0\0")


def of_no_pages(path: Path) -> None:
    allocated(path)
    patch(path, 1028, bytes(4))


def big_endian(path: Path) -> None:
    allocated(path)
    patch(path, 1024, (1).to_bytes(4, "big") + (SIZE // 4096 - 1).to_bytes(4, "big"))


def unsigned(path: Path) -> None:
    command("fallocate", "-l", SIZE, path)
    path.chmod(0o600)


def immutable(path: Path) -> None:
    allocated(path)
    command("chattr", "+i", path)


def ghost(path: Path) -> None:
    assert run(["mkghost", str(path), "--size", "1G", "--quiet"]) == 0


def reflinked(path: Path) -> None:
    written(path)
    command("cp", "--reflink=always", path, path.with_name("copy"))


def nocow(path: Path) -> None:
    path.touch(0o600)
    command("chattr", "+C", path)


def nocow_allocated(path: Path) -> None:
    nocow(path)
    allocated(path)


def nocow_written(path: Path) -> None:
    nocow(path)
    written(path)


def nocow_sparse(path: Path) -> None:
    nocow(path)
    sparse(path)


def nocow_with_a_hole(path: Path) -> None:
    nocow(path)
    with_a_hole(path)


def nocow_reflinked(path: Path) -> None:
    nocow_written(path)
    copy = path.with_name("copy")
    nocow(copy)
    command("cp", "--reflink=always", path, copy)


def in_a_snapshot(path: Path) -> None:
    nocow_written(path)
    command("btrfs", "-q", "subvolume", "snapshot", path.parent, path.parent / "snapshot")


def nocow_snapshotted_unwritten(path: Path) -> None:
    nocow_allocated(path)
    command("btrfs", "-q", "subvolume", "snapshot", path.parent, path.parent / "snapshot")


def compressed(path: Path) -> None:
    path.touch(0o600)
    command("chattr", "+c", path)
    path.write_bytes(b"compress me " * (SIZE // 12) + b"    ")
    mkswap(path)


def compressed_by_the_mount(path: Path) -> None:
    path.write_bytes(bytes(64) + b"compress me " * (SIZE // 12))
    mkswap(path)


def patch(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


ANYWHERE: list[Build] = [
    *(allocated, written, sparse, with_a_hole, cut_short, longer_than_it_says, for_other_pages),
    *(with_bad_pages, of_version_two, of_no_pages, big_endian, unsigned, ghost, immutable),
]
ON_BTRFS: list[Build] = [
    *(nocow_allocated, nocow_written, nocow_sparse, nocow_with_a_hole, nocow_reflinked),
    *(in_a_snapshot, nocow_snapshotted_unwritten, compressed, allocated, written, reflinked),
    *(cut_short, ghost),
]


# -- the kernel's answer and ours ----------------------------------------------------------------


SILENT = ("(nothing is logged)", "larger than a page")  # refused without a line in the log


def agree(path: Path) -> str | None:
    """Hold `inspect` against the kernel: the same answer, in its words; returns the error."""
    os.sync()
    said = inspect_path(path)
    error, log = answer(path)
    expected = said.refusal.partition(":")[0] if said.refusal else None
    assert error == expected, f"the kernel: {error} {log}; inspect: {said.refusal}"
    if said.refusal and error == "EINVAL" and not any(word in said.refusal for word in SILENT):
        words = said.refusal.partition(": ")[2].partition(" (")[0]
        assert any(words in line for line in log), f"{words!r} is not in {log}"
    return error


@pytest.mark.parametrize("build", ANYWHERE, ids=lambda build: build.__name__)
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_inspect_and_swapon_agree(disks: Disks, kind: str, build: Build) -> None:
    path = disks.filesystem(kind) / "swapfile"
    try:
        build(path)
        agree(path)
    finally:
        command("chattr", "-i", path)


@pytest.mark.parametrize("build", ON_BTRFS, ids=lambda build: build.__name__)
def test_inspect_and_swapon_agree_on_btrfs(disks: Disks, build: Build) -> None:
    path = disks.filesystem("btrfs") / "swapfile"
    build(path)
    agree(path)


@pytest.mark.parametrize(
    ("kind", "mkfs"),
    [
        ("ext4", ["-b", "1024"]),
        ("ext4", ["-O", "inline_data"]),
        ("ext4", ["-O", "bigalloc"]),
        ("ext2", []),
        ("ext3", []),
        ("xfs", ["-b", "size=1024"]),
        ("xfs", ["-b", "size=16384"]),
    ],
)
@pytest.mark.parametrize("build", [allocated, written, sparse, ghost])
def test_inspect_and_swapon_agree_on_other_layouts(
    disks: Disks, kind: str, mkfs: list[str], build: Build
) -> None:
    path = disks.filesystem(kind, *mkfs) / "swapfile"
    if kind in ("ext2", "ext3") and build is allocated:
        pytest.skip(f"{kind} cannot allocate without writing")
    build(path)
    agree(path)


def test_a_reflinked_file_on_xfs_is_refused_as_shared(disks: Disks) -> None:
    path = disks.filesystem("xfs", "-m", "reflink=1") / "swapfile"
    reflinked(path)
    assert agree(path) == "EINVAL"


@pytest.mark.parametrize(
    ("profile", "devices"),
    [("single", 1), ("dup", 1), ("raid0", 2), ("raid1", 2), ("single", 2)],
)
def test_data_profile_and_devices_of_btrfs(disks: Disks, profile: str, devices: int) -> None:
    root = disks.filesystem("btrfs", "-d", profile, "-m", "single", devices=devices)
    nocow_allocated(root / "swapfile")
    error = agree(root / "swapfile")
    assert (error is None) == (profile == "single")


def test_a_swapfile_over_two_devices_of_btrfs(disks: Disks) -> None:
    root = disks.filesystem("btrfs", "-d", "single", "-m", "single", devices=2)
    path = root / "swapfile"
    nocow(path)
    command("fallocate", "-l", "400M", path)
    mkswap(path)
    assert agree(path) == "EINVAL"


@pytest.mark.parametrize("build", [compressed_by_the_mount, nocow_written])
def test_a_btrfs_that_compresses_all(disks: Disks, build: Build) -> None:
    path = disks.filesystem("btrfs", options="compress-force=zlib") / "swapfile"
    build(path)
    agree(path)


def test_a_swapfile_on_a_read_only_snapshot(disks: Disks) -> None:
    root = disks.filesystem("btrfs")
    nocow_written(root / "swapfile")
    command("btrfs", "-q", "subvolume", "snapshot", "-r", root, root / "snapshot")
    assert agree(root / "snapshot/swapfile") == "EROFS"


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
@pytest.mark.parametrize("build", [written, ghost])
def test_no_swapfile_in_memory(disks: Disks, kind: str, build: Build) -> None:
    path = disks.mount(kind, "-t", kind) / "swapfile"
    if build is ghost:
        path.write_bytes(bytes(4096))
        command("mkswap", "-q", "-f", path, 1 << 20)
    else:
        build(path)
    said = inspect_path(path)
    error, _ = answer(path)
    assert error == (said.refusal or "").partition(":")[0] == "EINVAL"


def test_no_swapfile_on_an_overlay(disks: Disks, tmp_path: Path) -> None:
    root = disks.filesystem("ext4")
    for name in ("lower", "upper", "work"):
        (root / name).mkdir()
    where = f"lowerdir={root}/lower,upperdir={root}/upper,workdir={root}/work"
    path = disks.mount("overlay", "-t", "overlay", "-o", where) / "swapfile"
    written(path)
    said = inspect_path(path)
    error, _ = answer(path)
    assert error == (said.refusal or "").partition(":")[0]


def test_a_read_only_mount(disks: Disks) -> None:
    path = disks.filesystem("ext4") / "swapfile"
    allocated(path)
    command("mount", "-o", "remount,ro", path.parent)
    assert agree(path) == "EROFS"


def test_an_active_swapfile_is_busy_under_every_name(disks: Disks) -> None:
    path = disks.filesystem("ext4") / "swapfile"
    allocated(path)
    (path.parent / "other name").symlink_to(path)
    with swapped_on(path):
        assert agree(path.parent / "other name") == "EBUSY"
        assert agree(path) == "EBUSY"


def test_swap_devices(disks: Disks) -> None:
    device = disks.loop("8M")
    assert agree(device) == "EINVAL"
    command("mkswap", "-q", device)
    assert agree(device) is None
    with swapped_on(device):
        assert agree(device) == "EBUSY"
    mounted = disks.filesystem("ext4")
    source = Path(command("findmnt", "-no", "SOURCE", mounted))
    assert agree(source) == "EBUSY"


def test_a_read_only_swap_device(disks: Disks, tmp_path: Path) -> None:
    (tmp_path / "area").write_bytes(bytes(1 << 20))
    command("mkswap", "-q", tmp_path / "area")
    device = disks.loop_on(tmp_path / "area", "--read-only")
    assert agree(device) is None  # a loop device does not mind
    assert "read-only" in " ".join(inspect_path(device).warnings)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_at_all(disks: Disks, make: Callable[[Path], None]) -> None:
    path = disks.filesystem("ext4") / "odd"
    make(path)
    said = inspect_path(path)
    error, _ = answer(path)
    assert error == (said.refusal or "").partition(":")[0]


def test_a_ghost_is_refused_by_a_stock_kernel_in_its_own_words(disks: Disks) -> None:
    path = disks.filesystem("ext4") / "ghost"
    ghost(path)
    error, log = answer(path)
    if error is None:
        pytest.skip("this kernel takes ghost files")
    shown = inspect(path)
    stock = shown["verdicts"]["stock"]
    message = stock["checks"][-1]["message"]
    assert error == "EINVAL"
    assert not stock["accepted"]
    assert any(message in line for line in log), log
    assert shown["swapon"] == {"accepted": False, "reason": f"EINVAL: {message}"}
    assert shown["verdicts"]["ghost"]["accepted"]


# -- --fix ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "build"),
    [
        ("ext4", sparse),
        ("ext4", with_a_hole),
        ("xfs", with_a_hole),
        ("xfs", reflinked),
        ("btrfs", nocow_with_a_hole),
        ("btrfs", nocow_reflinked),
        ("btrfs", in_a_snapshot),
        ("btrfs", nocow_snapshotted_unwritten),
    ],
)
def test_fix_mends_a_file_so_that_swapon_takes_it(disks: Disks, kind: str, build: Build) -> None:
    path = disks.filesystem(kind) / "swapfile"
    build(path)
    assert agree(path) == "EINVAL"
    before = path.read_bytes()
    shown = inspect(path, "--fix")
    assert shown["swapon"] == {"accepted": True, "reason": None}
    assert path.read_bytes() == before
    assert agree(path) is None


def test_fix_leaves_the_snapshot_as_it_is(disks: Disks) -> None:
    path = disks.filesystem("btrfs") / "swapfile"
    in_a_snapshot(path)
    kept = path.parent / "snapshot/swapfile"
    before = kept.read_bytes()
    inspect(path, "--fix")
    with swapped_on(path):
        pass
    assert kept.read_bytes() == before
    assert agree(kept) is None  # its blocks are its own now, too


def test_fix_leaves_an_active_swapfile_alone(
    disks: Disks, capsys: pytest.CaptureFixture[str]
) -> None:
    path = disks.filesystem("ext4") / "swapfile"
    allocated(path)
    with swapped_on(path):
        assert run(["inspect", "--fix", str(path)]) == 1
    assert "in use as swap" in capsys.readouterr().err


def test_fix_says_what_it_cannot_mend(disks: Disks, capsys: pytest.CaptureFixture[str]) -> None:
    path = disks.filesystem("btrfs") / "swapfile"
    with_a_hole(path)
    before = path.stat().st_blocks
    assert run(["inspect", "--fix", str(path)]) == 1
    complaint = capsys.readouterr().err
    assert "must not be copy-on-write" in complaint
    assert "mkswapfile" in complaint
    assert path.stat().st_blocks == before


def inspect(path: Path, *options: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "ghostswap", "inspect", "--json", *options, str(path)]
    shown: list[dict[str, Any]] = json.loads(subprocess.check_output(words))
    return shown[0]
