"""Reads the small files of proc and sys below a root directory, and takes absence for an answer."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ghostswap.errors import GhostswapError

# No file read here is longer on a sane machine; a captured tree may hold anything.
_LIMIT_BYTES = 4 << 20
_READ_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class HostFiles:
    """The files of the host below `root`: `/`, or an unpacked capture that holds proc/ and sys/."""

    root: Path
    _real_root: Path = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_real_root", self.root.resolve())

    def check(self) -> None:
        """Raise GhostswapError unless `root` looks like a host, so that a typo is no empty host."""
        if not self.root.is_dir():
            raise GhostswapError(self.root, "no such directory")
        if not (self.root / "proc").is_dir():
            raise GhostswapError(self.root, "not a captured host: it holds no proc/")

    @property
    def live(self) -> bool:
        """True for the running host itself."""
        return self._real_root == Path("/")

    def data(self, path: str) -> bytes | None:
        """The content of the regular file at `path` below the root; None if absent or unreadable.

        A capture may hold anything: what is no regular file (a FIFO would make us wait) counts as
        absent, and so does a symbolic link that leads out of it, since it would show another host.
        """
        place = self._inside(path)
        try:
            return None if place is None else read_regular(place)
        except OSError:
            return None

    @contextmanager
    def folder(self, path: str) -> Iterator[int | None]:
        """The directory at `path`, open, for those who read thousands of files below it: the way
        to it is walked once. None if absent or out of reach."""
        place = self._inside(path)
        try:
            fd = None if place is None else os.open(place, FOLDER_FLAGS)
        except OSError:
            fd = None
        try:
            yield fd
        finally:
            if fd is not None:
                os.close(fd)

    def text(self, path: str) -> str | None:
        """The content as text without the newline at its end."""
        data = self.data(path)
        return None if data is None else data.decode(errors="backslashreplace").rstrip("\n")

    def number(self, path: str) -> int | None:
        """The whole number that the file holds; None also where it holds anything else."""
        return whole_number(self.text(path))

    def names(self, path: str) -> list[str]:
        """The entries of the directory at `path`, sorted; none if absent or unreadable."""
        place = self._inside(path)
        try:
            return [] if place is None else sorted(entry.name for entry in place.iterdir())
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        """True if something, of whatever kind, is at `path`."""
        return self.status(os.fsencode(path)) is not None

    def is_folder(self, path: str) -> bool:
        """True if a directory itself, not a symbolic link to one, is at `path`."""
        facts = self.status(os.fsencode(path))
        return (
            facts is not None
            and stat.S_ISDIR(facts.st_mode)
            and not (self.root / path).is_symlink()
        )

    def status(self, path: bytes) -> os.stat_result | None:
        """stat(2) of the file that the host knows as `path`; None if absent or out of reach."""
        place = self._inside(os.fsdecode(path.lstrip(b"/")))
        try:
            return None if place is None else place.stat()
        except OSError:
            return None

    def _inside(self, path: str) -> Path | None:
        try:
            place = (self._real_root / path).resolve()
            return place if place.is_relative_to(self._real_root) else None
        except (OSError, RuntimeError, ValueError):  # also a loop of symbolic links, a NUL byte
            return None


FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def read_regular(path: str | Path, folder: int | None = None) -> bytes | None:
    """What the regular file at `path` holds, up to a limit; None for anything else. `path` may be
    relative to an open `folder`. Raises OSError."""
    # Without waiting for the writer of a FIFO, and never through a link: it would leave the root.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        parts, left = [], _LIMIT_BYTES
        while left and (part := os.read(fd, min(left, _READ_BYTES))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def whole_number(text: str | None) -> int | None:
    """The whole number written in `text`; None for anything else."""
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def as_text(name: bytes) -> str:
    r"""A file name for people and for JSON: bytes that are not UTF-8 become `\xff`."""
    return name.decode(errors="backslashreplace")
