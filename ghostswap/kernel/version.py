"""A kernel release: kernels differ in their rules, and its number tells which hold."""

import re
from dataclasses import dataclass

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
