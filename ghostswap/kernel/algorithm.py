"""A compressor as an estimate names it: the kernel's name for it, and perhaps a level."""

import re
from dataclasses import dataclass
from enum import StrEnum

# drivers/block/zram/zcomp.c, backends[], Linux 6.18: all that zram has had, and zswap with it.
KERNEL_NAMES = ("lzo", "lzo-rle", "lz4", "lz4hc", "zstd", "deflate", "842")
DEFAULT_ZSTD = ("zstd", "zstd:3")
"""Both names of zstd at the kernel's default level, the only one that crypto/ and zswap have."""

_FORM = re.compile(rf"(?P<name>{'|'.join(KERNEL_NAMES)})(:(?P<level>-?[0-9]{{1,2}}))?", re.ASCII)


class Variant(StrEnum):
    """Whose sizes are meant where several are known of one algorithm; as files and reports write it
    behind the algorithm's name."""

    ZRAM = ""  # as zram calls it, by a library; zswap too, mostly
    IN_KERNEL = "@kernel"  # as the running kernel's own zram measured it
    IN_CRYPTO = "@crypto"  # as crypto/ calls it for zswap, where zram calls it otherwise


def variant_of(name: str) -> tuple[str, Variant]:
    """The algorithm and the variant that a file or report calls `name`; ValueError for no variant.

    >>> variant_of("zstd:9@kernel")
    ('zstd:9', <Variant.IN_KERNEL: '@kernel'>)
    """
    algorithm, at, variant = name.partition("@")
    try:
        return algorithm, Variant(at + variant)
    except ValueError:
        raise ValueError(f"Linux has no compressor called {name!r}") from None


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One of KERNEL_NAMES, and its level; None for the level that the kernel takes by itself."""

    name: str
    level: int | None

    @classmethod
    def parse(cls, text: str) -> "Algorithm":
        """The algorithm called `text`; ValueError where that is no name of Linux's.

        >>> Algorithm.parse("zstd:9")
        Algorithm(name='zstd', level=9)
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"Linux has no compressor called {text!r}")
        level = match["level"]
        return cls(match["name"], None if level is None else int(level))
