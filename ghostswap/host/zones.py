"""What the kernel keeps free, zone by zone.

Source: zoneinfo_show_print(), mm/vmstat.c; calculate_totalreserve_pages() and
__setup_per_zone_wmarks(), mm/page_alloc.c (Linux 6.12).
"""

import re
from dataclasses import dataclass

from ghostswap.host.files import HostFiles

_ZONE = re.compile(r"^Node +\d+, zone +", re.MULTILINE)
_LINE = re.compile(r"^ +(low|high|managed) +(\d{1,20})$", re.MULTILINE)
_PROTECTION = re.compile(r"^ +protection: \(([\d, ]+)\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reserves:
    """In pages: the sum of all zones' low watermarks, below which kswapd begins; and what is kept
    from user space, the kernel's totalreserve_pages."""

    low: int
    reserved: int


def read_reserves(files: HostFiles) -> Reserves | None:
    """The host's; None where /proc/zoneinfo is absent or has no zone."""
    return parse_zoneinfo(files.text("proc/zoneinfo") or "")


def parse_zoneinfo(text: str) -> Reserves | None:
    """Of each zone the high watermark is reserved, and what is kept for those who could not take
    from any other, but no more than it has."""
    low = reserved = 0
    zones = _ZONE.split(text)[1:]
    for zone in zones:
        pages = {match[1]: int(match[2]) for match in _LINE.finditer(zone)}
        kept = _PROTECTION.search(zone)
        protection = max(map(int, kept[1].split(","))) if kept else 0
        low += pages.get("low", 0)
        reserved += min(pages.get("high", 0) + protection, pages.get("managed", 0))
    return Reserves(low, reserved) if zones else None
