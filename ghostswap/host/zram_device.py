"""A zram device of our own: added, fed with pages, read, and removed whatever happens.

Source: Documentation/admin-guide/blockdev/zram.rst; drivers/block/zram/zram_drv.c (Linux 6.18).
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.host.zram import MmStat, parse_algorithms, parse_mm_stat

_CONTROL = Path("/sys/class/zram-control")
_REMOVE_SECONDS = 5.0
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ZramDevice:
    """One configured device; nobody else knows of it."""

    name: str
    fd: int

    @property
    def path(self) -> Path:
        """Its device node."""
        return Path("/dev") / self.name

    @property
    def mm_stat_path(self) -> Path:
        """The file with its counters."""
        return _sysfs(self.name, "mm_stat")

    def write(self, pages: memoryview, offset: int) -> None:
        """Write whole pages at `offset` (bytes) and wait until zram has them."""
        done = 0
        while done < len(pages):
            done += os.pwrite(self.fd, pages[done:], offset + done)
        os.fdatasync(self.fd)

    def mm_stat(self) -> MmStat:
        """The device's counters now."""
        return parse_mm_stat(self.mm_stat_path.read_text())


@contextmanager
def zram_device(algorithm: str, size: int) -> Iterator[ZramDevice]:
    """A new device of `size` bytes that compresses with `algorithm`, NAME or NAME:LEVEL; it is gone
    afterwards.

    GhostswapError where that takes more rights, the zram module, or an algorithm that the running
    kernel lacks.
    """
    algorithm, _, level = algorithm.partition(":")
    # A signal between adding the device and the block that removes it would leave it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
    try:
        name = _add()
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        offered = parse_algorithms(_sysfs(name, "comp_algorithm").read_text())[1]
        if algorithm not in offered:
            raise GhostswapError(
                "zram", f"this kernel has no {algorithm}: it has {', '.join(offered)}"
            )
        _choose(name, algorithm, level)
        _sysfs(name, "disksize").write_text(str(size))
        fd = os.open(Path("/dev") / name, os.O_RDWR | os.O_CLOEXEC)
        try:
            yield ZramDevice(name, fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise GhostswapError(f"zram device {name}", os_reason(error)) from None
    finally:
        _remove(name)


def _choose(name: str, algorithm: str, level: str) -> None:
    _sysfs(name, "comp_algorithm").write_text(algorithm)
    if level:
        try:
            _sysfs(name, "algorithm_params").write_text(f"algo={algorithm} level={level}")
        except FileNotFoundError:
            raise GhostswapError(
                f"zram device {name}", f"this kernel sets no level for {algorithm}"
            ) from None


def _add() -> str:
    try:
        return f"zram{int((_CONTROL / 'hot_add').read_text())}"
    except FileNotFoundError:
        raise GhostswapError("zram", "not available: load the module (modprobe zram)") from None
    except OSError as error:
        raise GhostswapError("zram", f"cannot add a device: {os_reason(error)} (root?)") from None


def _remove(name: str) -> None:
    """Reset and remove; udev may hold a new device open for a moment, so EBUSY is tried again."""
    until = time.monotonic() + _REMOVE_SECONDS
    while True:
        try:
            (_CONTROL / "hot_remove").write_text(name.removeprefix("zram"))
            return
        except OSError as error:
            if time.monotonic() > until:
                raise GhostswapError(
                    f"zram device {name}", f"cannot be removed: {os_reason(error)}"
                ) from None
            time.sleep(0.05)


def _sysfs(name: str, attribute: str) -> Path:
    return Path("/sys/block") / name / attribute
