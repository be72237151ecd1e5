"""How does a ghost file come to be: whole, private, really allocated, and all at once."""

import contextlib
import errno
import os
import secrets
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.files import directory_of
from ghostswap.kernel.ioctls import FS_NOCOW_FL
from ghostswap.swapfile import ioctls
from ghostswap.swapfile.active import is_active

MODE = 0o600
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT)


def check_target(path: Path, replace: bool) -> None:
    """Raise GhostswapError when `path` must not be written.

    That is any existing file, and with `replace` still a directory, a device, a symbolic link
    (it is never followed) or an active swap area.
    """
    with directory_of(path) as directory:
        _check_name(path, directory, replace)


def write_ghost(path: Path, page: bytes, replace: bool) -> None:
    """Write `page` as the whole of `path`, which appears complete and on disk, or not at all.

    The file is private (0600), owned by root when root writes it, and takes real blocks, since
    swapon(8) refuses a file with holes. Raises GhostswapError; `path` is then as before, and no
    other file is left.
    """
    with directory_of(path) as directory:
        _check_name(path, directory, replace)
        try:
            _write(path, directory, page, replace)
        except OSError as error:
            if error.errno == errno.EEXIST:
                raise GhostswapError(path, "appeared meanwhile, left as it is") from None
            raise GhostswapError(path, os_reason(error)) from error


def _check_name(path: Path, directory: int, replace: bool) -> None:
    if path.name in ("", ".."):
        raise GhostswapError(path, "is a directory")
    try:
        facts = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from error
    kind = _kind(facts.st_mode)
    if kind is not None:
        raise GhostswapError(path, f"is {kind}, and is not replaced")
    if is_active(facts):
        raise GhostswapError(path, "is an active swap area: swapoff it first")
    if not replace:
        raise GhostswapError(path, "exists (--force replaces it)")


def _kind(mode: int) -> str | None:
    """What a file is when it is not a regular one."""
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFBLK: "a block device",
        stat.S_IFCHR: "a character device",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode))


def _write(path: Path, directory: int, page: bytes, replace: bool) -> None:
    fd = _open_unnamed(directory)
    if fd is None:
        _write_named(path, directory, page, replace)
        return
    try:
        _fill(path, fd, page)
        with _uninterrupted():
            if replace:
                hidden = _hidden_name()
                _link(fd, hidden, directory)
                _rename_over(path, hidden, directory)
            else:
                _link(fd, path.name, directory)
            os.fsync(directory)
    finally:
        os.close(fd)


def _open_unnamed(directory: int) -> int | None:
    """A file without a name, which vanishes unless it is linked; None where there are none."""
    if not os.access("/proc/self/fd", os.X_OK):  # the only way to link it without privilege
        return None
    try:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, MODE, dir_fd=directory)
    except OSError as error:
        if error.errno in _NO_TMPFILE:
            return None
        raise


def _write_named(path: Path, directory: int, page: bytes, replace: bool) -> None:
    """The same where the file system knows no unnamed files: under a name of our own first."""
    hidden = _hidden_name()
    with _uninterrupted():
        flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_RDWR | os.O_CLOEXEC
        fd = os.open(hidden, flags, MODE, dir_fd=directory)
        try:
            _fill(path, fd, page)
            if not replace:
                # A hard link never replaces a file, which a rename would.
                os.link(hidden, path.name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            os.unlink(hidden, dir_fd=directory)
            raise
        finally:
            os.close(fd)
        if replace:
            _rename_over(path, hidden, directory)
        else:
            os.unlink(hidden, dir_fd=directory)
        os.fsync(directory)


def _fill(path: Path, fd: int, page: bytes) -> None:
    """Write `page` to the empty file `fd`, and see that it is on disk as it should be."""
    os.fchmod(fd, MODE)  # whatever the umask
    if os.geteuid() == 0:
        with contextlib.suppress(PermissionError):  # an NFS server may not let us
            os.fchown(fd, 0, 0)
    with contextlib.suppress(OSError):
        # btrfs: keeps the page from being compressed into the metadata. Only on an empty file.
        ioctls.set_flags(fd, ioctls.get_flags(fd) | FS_NOCOW_FL)
    written = os.pwrite(fd, page, 0)
    if written != len(page):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(fd)
    facts = os.fstat(fd)
    if facts.st_blocks * 512 < facts.st_size:
        raise GhostswapError(
            path,
            f"its file system stores {facts.st_size} bytes in {facts.st_blocks * 512} "
            "(a hole, inline or compressed), and swapon(8) refuses that; use ext4, xfs or btrfs",
        )
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # read the disk, not the cache
    if os.pread(fd, len(page) + 1, 0) != page:
        raise GhostswapError(path, "reads back otherwise than written")


def _link(fd: int, name: str, directory: int) -> None:
    """Give the unnamed file `fd` a name; FileExistsError when that is taken."""
    os.link(f"/proc/self/fd/{fd}", name, src_dir_fd=directory, dst_dir_fd=directory)


def _rename_over(path: Path, hidden: str, directory: int) -> None:
    try:
        os.rename(hidden, path.name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(hidden, dir_fd=directory)
        raise


def _hidden_name() -> str:
    return f".ghostswap-{secrets.token_hex(8)}.tmp"


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold signals back while a name stands that is not yet, or no longer, to be seen.

    One that came meanwhile came too late and is dropped: the file is there.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        yield
    finally:
        while signal.sigtimedwait(_INTERRUPTS, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
