"""Reads the small files of proc and sys below a root directory, and takes absence for an answer."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError

# No file read here is longer on a sane machine; a captured tree may hold anything.
_LIMIT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class HostFiles:
    """The files of the host below `root`: `/`, or an unpacked capture that holds proc/ and sys/."""

    root: Path

    def check(self) -> None:
        """Raise GhostswapError unless `root` looks like a host, so that a typo is no empty host."""
        if not self.root.is_dir():
            raise GhostswapError(self.root, "no such directory")
        if not (self.root / "proc").is_dir():
            raise GhostswapError(self.root, "not a captured host: it holds no proc/")

    @property
    def live(self) -> bool:
        """True for the running host itself."""
        return self.root.resolve() == Path("/")

    def data(self, path: str) -> bytes | None:
        """The content of the regular file at `path` below the root; None if absent or unreadable.

        A capture may hold anything: what is no regular file (a FIFO would make us wait) counts as
        absent, and so does a symbolic link that leads out of it, since it would show another host.
        """
        place = self._inside(path)
        try:
            if place is None or not place.is_file():
                return None
            with place.open("rb") as file:
                return file.read(_LIMIT_BYTES)
        except OSError:
            return None

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
            place = (self.root / path).resolve()
            return place if place.is_relative_to(self.root.resolve()) else None
        except (OSError, RuntimeError, ValueError):  # also a loop of symbolic links, a NUL byte
            return None


def whole_number(text: str | None) -> int | None:
    """The whole number written in `text`; None for anything else."""
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def as_text(name: bytes) -> str:
    r"""A file name for people and for JSON: bytes that are not UTF-8 become `\xff`."""
    return name.decode(errors="backslashreplace")
