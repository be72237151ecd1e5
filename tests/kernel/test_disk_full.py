"""A disk that is full, for real: what was there stays, what was begun is gone, one line says so."""

import os
from pathlib import Path

import pytest

from tests.faults.command import noise, one_line, run
from tests.kernel.disks import Disks


@pytest.fixture(params=["ext4", "xfs", "btrfs"])
def full(request: pytest.FixtureRequest, disks: Disks) -> Path:
    """A mounted file system with a file "kept" in it, and no space left."""
    where = disks.filesystem(request.param)
    (where / "kept").write_text("as before")
    filler = where / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    os.sync()
    return where


def names(folder: Path) -> set[str]:
    """What lies there, but for what file systems put there themselves."""
    return {path.name for path in folder.iterdir()} - {"lost+found"}


@pytest.mark.parametrize("options", [("new",), ("kept", "--force")], ids=" ".join)
def test_a_ghost_that_finds_no_space_leaves_all_as_it_was(
    full: Path, options: tuple[str, ...]
) -> None:
    name, *force = options
    done = run("mkghost", full / name, "--size", "1G", *force)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ghostswap: {full / name}: No space left on device\n"
    assert names(full) == {"kept", "filler"}
    assert (full / "kept").read_text() == "as before"


def test_a_census_that_finds_no_space_leaves_all_as_it_was(full: Path, tmp_path: Path) -> None:
    dump = noise(tmp_path / "dump", 64)  # 16,384 hashes, which nothing compresses: 128 KiB
    for name in ("new", "kept"):
        done = run("estimate-dedup", "--quick", dump, "--save", full / name)
        assert done.returncode == 1
        assert one_line(done.stderr)
        assert "No space left on device" in done.stderr
        assert str(full / name) in done.stderr
        assert names(full) == {"kept", "filler"}
        assert (full / "kept").read_text() == "as before"
