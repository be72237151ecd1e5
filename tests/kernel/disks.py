"""Real file systems on loop devices, swapon(2) itself and the kernel's log, all undone again."""

import contextlib
import ctypes
import errno
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

import pytest

from ghostswap.host.swaps import parse_swaps

_libc = ctypes.CDLL(None, use_errno=True)


def command(*words: object) -> str:
    """Run a system tool; its output, or an AssertionError with what it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr or done.stdout}"
    return done.stdout.strip()


@dataclass
class Disks:
    """Makes loop devices and mounts below `folder`, and remembers them for `undo`."""

    folder: Path
    _loops: list[str] = field(default_factory=list)
    _mounts: list[Path] = field(default_factory=list)

    def loop(self, size: str, *options: str) -> Path:
        """A loop device on a new sparse image of `size`."""
        image = self.folder / f"image{len(self._loops)}"
        command("truncate", "-s", size, image)
        return self.loop_on(image, *options)

    def loop_on(self, image: Path, *options: str) -> Path:
        """A loop device on `image`."""
        device = command("losetup", "--find", "--show", *options, image)
        self._loops.append(device)
        return Path(device)

    def filesystem(
        self, kind: str, *mkfs: str, size: str = "300M", devices: int = 1, options: str = ""
    ) -> Path:
        """A freshly made file system, mounted: its root directory. Skips where it cannot be."""
        if which(f"mkfs.{kind}") is None:
            pytest.skip(f"needs mkfs.{kind} (e2fsprogs, xfsprogs or btrfs-progs)")
        quiet = [] if kind == "f2fs" else ["-q"]
        loops = [self.loop(size) for _ in range(devices)]
        command(f"mkfs.{kind}", *quiet, *mkfs, *loops)
        return self.mount(loops[0], "-t", kind, *(["-o", options] if options else []))

    def mount(self, source: object, *options: str) -> Path:
        """`source` mounted on a new directory. Skips where the kernel has no such file system."""
        target = self.folder / f"mount{len(self._mounts)}"
        target.mkdir()
        done = subprocess.run(
            ["mount", *options, str(source), str(target)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"mount {' '.join(options)}: {done.stderr.strip()}")
        self._mounts.append(target)
        return target

    def undo(self) -> None:
        """Swap off, unmount and detach, in this order, whatever fails on the way."""
        inside = os.fsencode(self.folder) + b"/"
        devices = [os.fsencode(loop) for loop in self._loops]
        for area in parse_swaps(Path("/proc/swaps").read_bytes()):
            if area.path.startswith(inside) or area.path in devices:
                _libc.swapoff(area.path)
        for mount in reversed(self._mounts):
            subprocess.run(["umount", str(mount)], check=False)
        for loop in self._loops:
            subprocess.run(["losetup", "--detach", loop], check=False)


@contextlib.contextmanager
def swapped_on(path: Path) -> Iterator[None]:
    """The area active while the block runs. Raises OSError as swapon(2) answers."""
    if _libc.swapon(os.fsencode(path), 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    try:
        yield
    finally:
        assert _libc.swapoff(os.fsencode(path)) == 0, os.strerror(ctypes.get_errno())


def answer(path: Path) -> tuple[str | None, Sequence[str]]:
    """What swapon(2) answers now, None or the name of an error, and what the kernel logs then."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(log, 0, os.SEEK_END)
        error = None
        try:
            with swapped_on(path):
                pass
        except OSError as refusal:
            error = errno.errorcode[refusal.errno or 0]
        return error, _lines(log)
    finally:
        os.close(log)


def _lines(log: int) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            record = os.read(log, 8192)
        except BlockingIOError:
            return lines
        lines.append(record.decode(errors="replace").partition(";")[2].splitlines()[0])
