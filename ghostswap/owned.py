"""Open a file that nobody but this user and root can exchange, and know that it stays that file."""

import errno
import os
import pwd
import stat
from contextlib import ExitStack
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason

_LINKS = 40  # MAXSYMLINKS of include/linux/namei.h (v6.18)


def open_owned(path: Path, flags: int) -> int:
    """A descriptor of the regular file or block device at `path`, opened with `flags`; of a
    directory with O_DIRECTORY among them.

    Raises GhostswapError unless the file, each folder on the way from / and each symbolic link
    that is followed belong to root or to this user, with nobody else allowed to write there: then
    nobody else decides which file this is, now or later. A sticky folder, as /tmp is, will do, but
    not for a file with a second name, which somebody else may have linked in.
    """
    path_only = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    with ExitStack() as opened:
        try:
            rest = [*reversed(path.absolute().parts)]
            here, where, facts, shared, links = -1, Path("/"), Path("/").stat(), False, 0
            while rest:
                name = rest.pop()
                shared = _check_folder(path, where, facts)
                there = os.open(name, path_only, dir_fd=None if here < 0 else here)
                opened.callback(os.close, there)
                status = os.fstat(there)
                if stat.S_ISLNK(status.st_mode):
                    _check_owner(path, where / name, status)
                    _check_only_name(path, status, shared)
                    links += 1
                    if links > _LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                    rest += reversed(Path(os.readlink("", dir_fd=there)).parts)
                else:
                    here, where, facts = there, where / name, status
            if flags & os.O_DIRECTORY:
                _check_folder(path, where, facts)
            else:
                _check_file(path, facts, shared)
            return os.open(path_of(here), flags | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
        except (OSError, ValueError) as error:  # ValueError: a NUL byte
            reason = os_reason(error) if isinstance(error, OSError) else str(error)
            raise GhostswapError(path, reason) from error


def path_of(fd: int) -> Path:
    """A path to the open file `fd` itself, whatever its name now is; for calls that take a path."""
    return Path(f"/proc/self/fd/{fd}")


def _check_folder(path: Path, folder: Path, facts: os.stat_result) -> bool:
    """True for a sticky folder, where others may put files, but not exchange ours."""
    if not stat.S_ISDIR(facts.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    _check_owner(path, folder, facts)
    if not _others_write(facts):
        return False
    if facts.st_mode & stat.S_ISVTX:
        return True
    raise GhostswapError(
        path,
        f"others may write to the folder {folder}, and so exchange the file meanwhile: "
        "chmod go-w it, or move the file",
    )


def _check_file(path: Path, facts: os.stat_result, shared: bool) -> None:
    if stat.S_ISBLK(facts.st_mode):
        return  # whoever may use the device cannot make it another one
    if not stat.S_ISREG(facts.st_mode):
        raise GhostswapError(path, "neither a regular file nor a block device")
    _check_owner(path, path, facts)
    if _others_write(facts):
        raise GhostswapError(path, "others may write to it: chmod go-w it first")
    _check_only_name(path, facts, shared)


def _check_only_name(path: Path, facts: os.stat_result, shared: bool) -> None:
    if shared and facts.st_nlink > 1:
        raise GhostswapError(path, "has a second name, and others may write to its folder: move it")


def _check_owner(path: Path, place: Path, facts: os.stat_result) -> None:
    if facts.st_uid in (0, os.geteuid()):
        return
    owner = _name(facts.st_uid)
    which = "belongs" if place == path.absolute() or place == path else f"{place} belongs"
    raise GhostswapError(
        path,
        f"{which} to {owner}, who could exchange it meanwhile: "
        f"do this as {owner}, or keep the file where only you may write",
    )


def _others_write(facts: os.stat_result) -> bool:
    """Whether more than the owner may write. For an ordinary user, the user's own group may."""
    own_group = os.geteuid() != 0 and facts.st_gid == os.getegid()
    return bool(facts.st_mode & (stat.S_IWOTH | (0 if own_group else stat.S_IWGRP)))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
