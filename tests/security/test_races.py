"""Root works in a folder where somebody else renames, links and removes all the time: what is
elsewhere stays untouched."""

import ctypes
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.files import replaced_whole
from ghostswap.swapfile import create, header
from ghostswap.swapfile.fix import fix
from ghostswap.swapfile.layout import Endianness
from ghostswap.swapfile.relabel import relabel

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be the one attacked")
SOMEBODY = 1
SECONDS = 2.0
PAGE = header.build(
    header.Header(1, 1023, 0, (), b"u" * 16, b"mine".ljust(16, b"\0"), 4096, Endianness.LITTLE)
)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that all may write to, and root's own beside it with an area in it."""

    shared: Path
    victim: Path

    @property
    def target(self) -> Path:
        """What root is told to write."""
        return self.shared / "area"


@pytest.fixture(params=[0o777, 0o1777], ids=["plain", "sticky"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = Place(folder / "shared", folder / "own" / "area")
        made.victim.parent.mkdir(mode=0o755)
        made.victim.write_bytes(PAGE)
        made.victim.chmod(0o600)
        made.shared.mkdir()
        made.shared.chmod(request.param)
        yield made


def attacker(place: Place) -> AbstractContextManager[None]:
    """Somebody who puts links, folders and files of his own in the target's place, for ever."""
    return acting(lambda: _attack(place))


@contextmanager
def acting(act: Callable[[], object]) -> Iterator[None]:
    """While the block runs, somebody without rights does `act`."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
            os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
            act()
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _attack(place: Place) -> None:
    target, spare = place.target, place.shared / "spare"
    steps: list[Callable[[], object]] = [
        lambda: target.symlink_to(place.victim),
        lambda: os.link(place.victim, target),  # fs.protected_hardlinks may forbid it
        lambda: target.mkdir(),
        lambda: target.write_bytes(PAGE),
        lambda: os.mkfifo(target),
        lambda: target.symlink_to(place.victim.parent),
        lambda: target.symlink_to("/dev/null"),
    ]
    while True:
        for step in steps:
            with suppress(OSError):
                target.rename(spare)
            for gone in (target, spare):
                with suppress(OSError):
                    gone.rmdir() if gone.is_dir() and not gone.is_symlink() else gone.unlink()
            with suppress(OSError):
                step()
            for path in place.shared.glob(".*"):  # and whatever root has begun
                with suppress(OSError):
                    path.rename(spare)


def raced(place: Place, write: Callable[[], object]) -> int:
    """How often root came through, in the seconds that the race takes; the victim is as it was."""
    before, done = place.victim.stat(), 0
    with attacker(place):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            with suppress(GhostswapError):
                write()
                done += 1
    after = place.victim.stat()
    assert place.victim.read_bytes() == PAGE
    assert (after.st_ino, after.st_mode, after.st_uid) == (
        before.st_ino,
        before.st_mode,
        before.st_uid,
    )
    assert list(place.victim.parent.iterdir()) == [place.victim]
    return done


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("unnamed", [True, False])
def test_mkghost_writes_nothing_elsewhere(
    place: Place, monkeypatch: pytest.MonkeyPatch, replace: bool, unnamed: bool
) -> None:
    if not unnamed:  # as on a file system without O_TMPFILE
        monkeypatch.setattr(create, "_open_unnamed", lambda directory: None)
    monkeypatch.setattr(os, "fsync", lambda fd: None)  # more tries a second
    other = PAGE[:1024] + b"\1" + PAGE[1025:]
    raced(place, lambda: create.write_ghost(place.target, other, replace))


def test_a_saved_file_goes_nowhere_else(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)

    def save() -> None:
        with replaced_whole(place.target) as file:
            file.write(b"a census")

    raced(place, save)


def test_label_changes_no_area_elsewhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda fd: None)
    raced(place, lambda: relabel(place.target, b"evil".ljust(16, b"\0"), None))


def test_a_folder_exchanged_meanwhile_does_not_divert_the_file(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = create._fill
    folder = place.shared / "folder"
    folder.mkdir()

    def exchange(path: Path, fd: int, page: bytes) -> None:
        fill(path, fd, page)
        folder.rename(place.shared / "moved")
        folder.symlink_to(place.victim.parent)

    monkeypatch.setattr(create, "_fill", exchange)
    create.write_ghost(folder / "ghost", PAGE, replace=True)
    assert list(place.victim.parent.iterdir()) == [place.victim]
    assert [path.name for path in (place.shared / "moved").iterdir()] == ["ghost"]


def test_label_follows_no_link_and_no_second_name_of_others(place: Place) -> None:
    label = b"evil".ljust(16, b"\0")
    sticky = place.shared.stat().st_mode & stat.S_ISVTX
    place.target.symlink_to(place.victim)
    os.chown(place.target, SOMEBODY, SOMEBODY, follow_symlinks=False)
    with pytest.raises(GhostswapError, match="belongs to" if sticky else "others may write to"):
        relabel(place.target, label, None)
    place.target.unlink()
    os.link(place.victim, place.target)
    why = "has a second name" if sticky else "others may write to the folder"
    with pytest.raises(GhostswapError, match=why):
        relabel(place.target, label, None)
    assert place.victim.read_bytes() == PAGE


def test_label_follows_a_link_in_a_folder_of_ones_own(place: Place) -> None:
    link = place.victim.parent / "link"
    link.symlink_to(place.victim)
    assert relabel(link, b"new".ljust(16, b"\0"), None).label == "new"


@pytest.mark.parametrize("mask", [0o000, 0o777])
def test_no_umask_opens_or_closes_what_is_written(place: Place, mask: int) -> None:
    before = os.umask(mask)
    try:
        create.write_ghost(place.target, PAGE, replace=False)
        with replaced_whole(place.shared / "census") as file:
            file.write(b"a census")
    finally:
        os.umask(before)
    assert place.target.stat().st_mode & 0o7777 == 0o600
    assert (place.shared / "census").stat().st_mode & 0o7777 == 0o600
    shutil.rmtree(place.shared)


SWAPFILE = 1024 * len(PAGE)


def _swapfile(path: Path, size: int) -> None:
    """A swapfile of 4 MiB at the beginning of a file of `size`, whose rest is a hole."""
    path.write_bytes(PAGE.ljust(SWAPFILE, b"\1"))
    os.truncate(path, size)
    path.chmod(0o600)


def _exchange(one: Path, other: Path) -> None:
    """renameat2(2) with RENAME_EXCHANGE, for ever."""
    libc, here, flag = ctypes.CDLL(None), -100, 2
    while True:
        libc.renameat2(here, os.fsencode(one), here, os.fsencode(other), flag)
        time.sleep(0.0002)  # about as long as what root does between two looks


@pytest.mark.parametrize("of_root", [False, True], ids=["file of theirs", "file of root's"])
def test_inspect_fix_mends_no_file_elsewhere(place: Place, of_root: bool) -> None:
    """The folder is somebody's own; a link to root's swapfile takes turns with one to be mended."""
    _swapfile(place.victim, SWAPFILE)
    os.chown(place.shared, SOMEBODY, SOMEBODY)
    _swapfile(place.target, SWAPFILE * 8)
    if not of_root:
        os.chown(place.target, SOMEBODY, SOMEBODY)
    link = place.shared / "link"
    link.symlink_to(place.victim)
    with acting(lambda: _exchange(place.target, link)):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            with suppress(GhostswapError):
                fix(place.target)
            if place.victim.stat().st_size != SWAPFILE:
                break
    assert place.victim.stat().st_size == SWAPFILE
    with pytest.raises(GhostswapError, match=r"shared belongs to .*, who could exchange it"):
        fix(place.target)
