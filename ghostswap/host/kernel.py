"""Which Linux this is: kernels differ in their rules, and the release number tells which hold."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason

_RELEASE = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, order=True)
class KernelVersion:
    """A kernel release as far as rules depend on it: 6.12 for 6.12.117+deb12-amd64."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "KernelVersion":
        """The version that a release string begins with; ValueError when it begins with none."""
        match = _RELEASE.match(text)
        if match is None:
            raise ValueError(f"not a kernel version: {text!r} (example: 6.12)")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


def running_kernel(root: Path) -> KernelVersion:
    """The version of the kernel that the host below `root` runs."""
    path = root / "proc/sys/kernel/osrelease"
    try:
        return KernelVersion.parse(path.read_text())
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None
    except ValueError as error:
        raise GhostswapError(path, str(error)) from None


def page_size() -> int:
    """Bytes in a page of the running kernel."""
    return os.sysconf("SC_PAGE_SIZE")
