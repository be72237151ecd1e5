"""A census that is kept: where, by which key, of whom, and what it omits."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from ghostswap.census.columns import Origin, Reduction
from ghostswap.census.parquet import write
from ghostswap.census.salt import Salt, new_salt, read_salt
from ghostswap.census.table import Census
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.extras import missing
from ghostswap.files import check_place
from ghostswap.host.files import HostFiles
from ghostswap.host.memory import read_memory

_WHOLE = Reduction()


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a census is kept in `path`; None keeps none.

    The key is that of `salt_file`, or a fresh one, put into `new_salt_file` where that is given.
    `host` is this machine's name where it is None, and `taken` now.
    """

    path: Path | None = None
    salt_file: Path | None = None
    new_salt_file: Path | None = None
    host: str | None = None
    taken: datetime | None = None
    reduction: Reduction = _WHOLE

    def check_early(self, read: Sequence[Path], *, salted: bool) -> None:
        """Refuse what could not be written, as far as that can be told before the work, and to
        write over the files that are `read`, or over the key; `salted` says that what is measured
        are saved censuses, whose hashes have a salt."""
        if self.path is None:
            return
        for other in (*read, self.salt_file, self.new_salt_file):
            if other is not None and _is_one_file(self.path, other):
                raise GhostswapError(self.path, "--save would replace what is read, or the key")
        if find_spec("pyarrow") is None:
            raise missing("--save", "pyarrow", "census")
        check_place(self.path)
        if salted:
            self._check_unsalted()
        if self.salt_file is not None:
            read_salt(self.salt_file)
        if self.new_salt_file is not None:
            if self.new_salt_file.exists():
                raise GhostswapError(self.new_salt_file, "exists; --salt-file would use it")
            check_place(self.new_salt_file)

    def _check_unsalted(self) -> None:
        if self.salt_file is not None or self.new_salt_file is not None:
            option = "--salt-file" if self.salt_file is not None else "--new-salt-file"
            raise UsageError(option, "saved censuses have a salt already, which they keep")

    def write(self, census: Census, path: Path, *, live: bool) -> None:
        """Write the census. RAM is this machine's where it was measured `live`, else all pages.
        UsageError where a key is given for hashes that have one already."""
        if census.salt:
            self._check_unsalted()
        here = os.uname()
        ram = read_memory(HostFiles(Path("/"))).mem_total if live else None
        origin = Origin(
            self.host or here.nodename or "localhost",
            self.taken or datetime.now(UTC).replace(microsecond=0),
            here.release,
            ram or census.total * census.page_size,
        )
        write(census, path, None if census.salt else self._salt(), origin, self.reduction)

    def _salt(self) -> Salt:
        if self.salt_file is not None:
            return read_salt(self.salt_file)
        return new_salt(self.new_salt_file) if self.new_salt_file is not None else Salt.random()


def _is_one_file(one: Path, other: Path) -> bool:
    """Whether both names are, or would be, of one file."""
    try:
        return one.samefile(other)
    except OSError:  # one is not there
        return one.absolute() == other.absolute()


def save_census(census: Census, path: Path, salt_file: Path | None = None) -> None:
    """Write a census to `path`, as this machine's and now; by a random key, or that in `salt_file`,
    which makes it comparable. GhostswapError where it cannot be written."""
    Keeping(path, salt_file).write(census, path, live=False)
