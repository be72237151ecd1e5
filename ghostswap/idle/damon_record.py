"""Who set DAMON up: a record that only root can read or write, below /run, gone at a reboot.

A run that is killed cannot switch DAMON off. The next one finds by this record what it left: the
mark that it put into DAMON's own files, the regions watched, and the thread of the kernel.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.host.processes import start_time
from ghostswap.owned import open_owned

U64 = NDArray[np.uint64]

FOLDER, NAME = "run/ghostswap", "damon.json"
_MOST_BYTES = 4096
# The mark stands where DAMON keeps how often (µs) it updates its target, which for physical
# addresses does nothing. So many seconds are no setting that anybody would choose.
_LEAST_MARK, _MARKS = 10**15, 10**12


class Record:
    """The record, open and locked: of two runs, one waits in vain and says so."""

    def __init__(self, fd: int, root: Path) -> None:
        self._fd = fd
        self._root = root
        self.left = False  # whether a run that was killed left anything
        self.nonce = 0
        self.regions = ""
        self.pid: int | None = None
        self.began: int | None = None
        self._read()

    @property
    def thread(self) -> tuple[int | None, int | None]:
        """The kernel's thread that watches: its number and when it began."""
        return self.pid, self.began

    def begin(self, regions: str) -> None:
        """Say what is about to be set up, before the first write to DAMON."""
        self.nonce, self.regions = _LEAST_MARK + secrets.randbelow(_MARKS), regions
        self.pid = self.began = None
        self._write()

    def running(self, pid: int) -> None:
        """Name the thread that was started."""
        self.pid, self.began = pid, thread_began(self._root, pid)
        self._write()

    def forget(self) -> None:
        """Nothing of ours is set up any more."""
        self.left = False
        os.ftruncate(self._fd, 0)

    def _write(self) -> None:
        facts = {
            "nonce": self.nonce,
            "regions": self.regions,
            "pid": self.pid,
            "began": self.began,
        }
        text = json.dumps(facts).encode().ljust(_MOST_BYTES // 4)  # always as long: one whole write
        os.pwrite(self._fd, text, 0)

    def _read(self) -> None:
        try:
            facts: Any = json.loads(os.pread(self._fd, _MOST_BYTES, 0))
            nonce, regions = facts["nonce"], facts["regions"]
            pid, began = facts["pid"], facts["began"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # empty, or of no version that we know: claims nothing
        if (
            isinstance(nonce, int)
            and isinstance(regions, str)
            and isinstance(pid, int | None)
            and isinstance(began, int | None)
        ):
            self.left = True
            self.nonce, self.regions, self.pid, self.began = nonce, regions, pid, began


@contextmanager
def kept_record(root: Path) -> Iterator[Record]:
    """The record of the host below `root`, locked until left.

    Raises GhostswapError where another run has it, or somebody else could have written it.
    """
    folder = root / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        place = open_owned(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            made = os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            os.close(os.open(NAME, made, 0o600, dir_fd=place))
        finally:
            os.close(place)
    except OSError as error:
        raise GhostswapError(folder, os_reason(error)) from None
    fd = open_owned(folder / NAME, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Record(fd, root)
    except BlockingIOError:
        raise GhostswapError(
            "--idle", "another ghostswap is watching by DAMON; wait for it to end"
        ) from None
    finally:
        os.close(fd)


def fingerprint(addresses: U64, page_size: int) -> str:
    """Names a list of regions, one page each, at these addresses in this order."""
    return sha256(addresses.astype("<u8").tobytes() + page_size.to_bytes(8, "little")).hexdigest()


def thread_began(root: Path, pid: int) -> int | None:
    """When a thread began; None where there is none."""
    try:
        return start_time(root / f"proc/{pid}")
    except (OSError, ValueError, IndexError):
        return None
