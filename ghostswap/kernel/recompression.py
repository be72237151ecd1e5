"""zram's recompression: which objects a second compressor replaces.

Source: drivers/block/zram/zram_drv.c, recompress_store() and zram_recompress() of Linux 6.12;
recompress_slot() since 6.14 decides alike. CONFIG_ZRAM_MULTI_COMP, since 6.2.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ghostswap.kernel.algorithm import Algorithm
from ghostswap.kernel.version import V6_2, KernelVersion

if TYPE_CHECKING:  # a command that only names what there is does not load numpy
    import numpy as np
    from numpy.typing import NDArray

    from ghostswap.kernel.zsmalloc import SizeClasses

_THRESHOLD = "threshold="


class Pages(StrEnum):
    """Which pages the administrator has recompressed: type= of /sys/block/zramN/recompress."""

    ALL = "all"
    HUGE = "huge"  # those stored uncompressed
    IDLE = "idle"  # those marked by /sys/block/zramN/idle: on a device that nobody reads, all


@dataclass(frozen=True, slots=True)
class Recompression:
    """One write to /sys/block/zramN/recompress: objects of `pages` that have `threshold` bytes or
    more are compressed anew with `algorithm`, a name as Algorithm.parse() takes it."""

    algorithm: str
    pages: Pages = Pages.ALL
    threshold: int = 0

    @classmethod
    def parse(cls, text: str) -> "Recompression":
        """What ALGORITHM[:LEVEL][:all|huge|idle][:threshold=BYTES] means; ValueError, with the
        reason, for anything else.

        >>> Recompression.parse("zstd:9:huge:threshold=2000")
        Recompression(algorithm='zstd:9', pages=<Pages.HUGE: 'huge'>, threshold=2000)
        """
        name, *words = text.split(":")
        if words and words[0].removeprefix("-").isdecimal():
            name = f"{name}:{words.pop(0)}"
        Algorithm.parse(name)
        pages = Pages(words.pop(0)) if words and words[0] in list(Pages) else Pages.ALL
        threshold = 0
        if words and words[0].startswith(_THRESHOLD):
            number = words.pop(0).removeprefix(_THRESHOLD)
            if not (number.isascii() and number.isdecimal()):
                raise ValueError(f"threshold is a number of bytes, not {number!r}")
            threshold = int(number)
        if words:
            raise ValueError(f"{words[0]!r} is neither all, huge, idle nor threshold=BYTES")
        return cls(name, pages, threshold)

    def check(self, version: KernelVersion, classes: "SizeClasses") -> None:
        """Raise ValueError, with the reason, where a kernel of `version` would refuse it."""
        if version < V6_2:
            raise ValueError(f"zram recompresses since Linux 6.2, not in {version}")
        if self.threshold >= classes.huge_class_size:
            raise ValueError(
                f"threshold={self.threshold}: from {classes.huge_class_size} bytes on, pages are "
                "stored uncompressed, and zram refuses it"
            )

    def replaces(
        self,
        first: "NDArray[np.unsignedinteger[Any]]",
        second: "NDArray[np.unsignedinteger[Any]]",
        classes: "SizeClasses",
    ) -> "NDArray[np.bool_]":
        """Which objects are replaced: `first` holds their compressed sizes in bytes, `second` those
        by `algorithm`, either may exceed a page.

        An object is replaced where it then falls into a smaller size class, and below the
        threshold. Where it does not, it stays as it is, and zram marks it not to be tried again.
        """
        huge = first >= classes.huge_class_size
        before, after = first.clip(max=classes.page_size), second.clip(max=classes.page_size)
        before[huge] = classes.page_size
        replaced: NDArray[np.bool_] = classes.of_payload[after] < classes.of_payload[before]
        if self.pages is Pages.HUGE:
            replaced &= huge
        if self.threshold:
            replaced &= (before >= self.threshold) & (second < self.threshold)
        return replaced
