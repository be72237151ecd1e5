"""What about this host deserves a word: pure functions over one snapshot of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ghostswap.host.snapshot import Host
from ghostswap.units import format_size


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"  # worth knowing
    WARNING = "warning"  # costs memory or time, or will surprise
    ERROR = "error"  # does not do what it is there for


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: a code that scripts can rely on, and what it means and asks for."""

    severity: Severity
    code: str
    message: str


Rule = Callable[[Host], Iterator[Finding]]


def findings(host: Host) -> tuple[Finding, ...]:
    """Everything that the rules say of `host`, gravest first."""
    found = [finding for rule in RULES for finding in rule(host)]
    gravity = list(reversed(Severity))
    return tuple(sorted(found, key=lambda finding: gravity.index(finding.severity)))


def swap_without_areas(host: Host) -> Iterator[Finding]:
    """No swap area: nothing can be swapped, compressed or not."""
    if host.swaps:
        return
    if host.zswap and host.zswap.parameters.enabled:
        yield Finding(
            Severity.ERROR,
            "zswap-without-swap",
            "zswap is on, but there is no swap area, and zswap keeps only pages that have a slot"
            " in one: add a swap area.",
        )
    else:
        yield Finding(Severity.INFO, "no-swap", "Nothing can be swapped out: no swap area is on.")


def ksm_costs_more_than_it_saves(host: Host) -> Iterator[Finding]:
    """KSM's own data structures outweigh the pages that it merged."""
    if host.ksm and host.ksm.profit < 0:
        yield Finding(
            Severity.WARNING,
            "ksm-profit-negative",
            f"KSM takes {format_size(-host.ksm.profit)} more than it saves: have it scan less"
            " memory, or stop it (echo 2 > /sys/kernel/mm/ksm/run).",
        )


RULES: tuple[Rule, ...] = (swap_without_areas, ksm_costs_more_than_it_saves)
