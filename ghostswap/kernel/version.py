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


# The releases at which a rule changed; the rule itself stands in its module, beside its source.
V5_6 = KernelVersion(5, 6)
V5_19 = KernelVersion(5, 19)
V6_1 = KernelVersion(6, 1)
V6_2 = KernelVersion(6, 2)
V6_3 = KernelVersion(6, 3)
V6_5 = KernelVersion(6, 5)
V6_6 = KernelVersion(6, 6)
V6_7 = KernelVersion(6, 7)
V6_10 = KernelVersion(6, 10)
V6_12 = KernelVersion(6, 12)
V6_13 = KernelVersion(6, 13)
V6_15 = KernelVersion(6, 15)
V6_17 = KernelVersion(6, 17)
V6_18 = KernelVersion(6, 18)
V7_0 = KernelVersion(7, 0)
V7_1 = KernelVersion(7, 1)
V7_2 = KernelVersion(7, 2)

RELEASES = tuple(
    KernelVersion(major, minor)
    for major, minors in ((5, range(4, 20)), (6, range(20)), (7, range(3)))
    for minor in minors
)
"""Every release whose source the rules were checked against, or that lies between two such: outside
of them, those of the first or the last are used."""


def beyond_known(version: KernelVersion) -> str | None:
    """Why the rules for `version` are those of another release; None where they are its own."""
    if version < RELEASES[0]:
        return f"Linux {version} is older than what was checked: by the rules of {RELEASES[0]}"
    if version > RELEASES[-1]:
        return f"Linux {version} is newer than what was checked: by the rules of {RELEASES[-1]}"
    if version not in RELEASES:
        last = max(release for release in RELEASES if release < version)
        return f"no Linux {version} was released: by the rules of {last}"
    return None
