"""What KSM (kernel samepage merging) does and what it gains.

Source: Documentation/admin-guide/mm/ksm.rst; mm/ksm.c (Linux 6.1, 6.12, 6.18).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ghostswap.host.files import HostFiles, whole_number
from ghostswap.kernel.ksm import general_profit

_KSM = "sys/kernel/mm/ksm"


@dataclass(frozen=True, slots=True)
class Ksm:
    """KSM's counters and settings as sysfs names them; those a kernel lacks are not in it."""

    counters: Mapping[str, int]
    advisor_mode: str | None  # since 6.8: "none" or "scan-time"
    page_size: int  # bytes

    def pages(self, name: str) -> int:
        """The counter `name`; 0 where this kernel does not have it."""
        return self.counters.get(name, 0)

    @property
    def running(self) -> bool:
        """True while ksmd scans."""
        return self.counters.get("run") == 1

    @property
    def saved(self) -> int:
        """Bytes not needed since pages are shared, before KSM's own cost.

        Pages merged with the zero page (use_zero_pages) are counted apart, since 6.6.
        """
        return (self.pages("pages_sharing") + self.pages("ksm_zero_pages")) * self.page_size

    @property
    def profit(self) -> int:
        """Bytes gained after KSM's own cost; negative where it costs more than it saves.

        The kernel tells since 6.4 (general_profit); before, its formula, in which the items are
        all pages that a counter holds.
        """
        profit = self.counters.get("general_profit")
        if profit is not None:
            return profit
        items = sum(
            self.pages(f"pages_{kind}") for kind in ("shared", "sharing", "unshared", "volatile")
        )
        return general_profit(self.pages("pages_sharing"), items, self.page_size)


def read_ksm(files: HostFiles, page_size: int) -> Ksm | None:
    """The host's KSM; None where its kernel has none."""
    words = {name: files.text(f"{_KSM}/{name}") or "" for name in files.names(_KSM)}
    numbers = {name: whole_number(word) for name, word in words.items()}
    counters = {name: number for name, number in numbers.items() if number is not None}
    if not counters:
        return None
    return Ksm(counters, _bracketed(words.get("advisor_mode")), page_size)


def _bracketed(text: str | None) -> str | None:
    """The word in brackets: "[none] scan-time"."""
    if not text:
        return None
    return next((word.strip("[]") for word in text.split() if word.startswith("[")), text)
