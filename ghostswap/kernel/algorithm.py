"""A compressor as an estimate names it: the kernel's name for it, and perhaps a level."""

import re
from dataclasses import dataclass

# drivers/block/zram/zcomp.c, backends[], Linux 6.18: all that zram has had, and zswap with it.
KERNEL_NAMES = ("lzo", "lzo-rle", "lz4", "lz4hc", "zstd", "deflate", "842")
DEFAULT_ZSTD = ("zstd", "zstd:3")
"""Both names of zstd at the kernel's default level, the only one that crypto/ and zswap have."""

IN_KERNEL = "@kernel"
"""Ends the name of one whose sizes the running kernel measured itself, beside a library's."""

IN_CRYPTO = "@crypto"
"""Ends the name of one as crypto/ calls it, where zram calls the same one otherwise."""

_FORM = re.compile(
    rf"(?P<name>{'|'.join(KERNEL_NAMES)})(:(?P<level>-?[0-9]{{1,2}}))?({IN_KERNEL})?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One of KERNEL_NAMES, and its level; None for the level that the kernel takes by itself."""

    name: str
    level: int | None

    @classmethod
    def parse(cls, text: str) -> "Algorithm":
        """The algorithm called `text`; ValueError where that is no name of Linux's.

        `@kernel` marks one that the running kernel measured itself (estimate-dedup --verify).

        >>> Algorithm.parse("zstd:9@kernel")
        Algorithm(name='zstd', level=9)
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"Linux has no compressor called {text!r}")
        level = match["level"]
        return cls(match["name"], None if level is None else int(level))
