"""A compressor as an estimate names it: the kernel's name for it, and perhaps a level."""

import re
from dataclasses import dataclass

# drivers/block/zram/zcomp.c, backends[], Linux 6.18: all that zram has had, and zswap with it.
KERNEL_NAMES = ("lzo", "lzo-rle", "lz4", "lz4hc", "zstd", "deflate", "842")
_FORM = re.compile(
    rf"(?P<name>{'|'.join(KERNEL_NAMES)})(:(?P<level>-?[0-9]{{1,2}}))?(@kernel)?", re.ASCII
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
