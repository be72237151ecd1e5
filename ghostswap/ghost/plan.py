"""May this ghost be switched on here, and what exactly is to be done: all that is asked first."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from ghostswap.errors import GhostswapError
from ghostswap.ghost import zswap_switch
from ghostswap.ghost.areas import OWN_FILE, GhostArea, Way, plain_name
from ghostswap.ghost.table import ghost_table
from ghostswap.swapfile.area import Kind, look_at
from ghostswap.swapfile.geometry import last_page_of, whole_pages
from ghostswap.swapfile.header import NATIVE, Header, build, parse_uuid
from ghostswap.swapfile.running import PAGE_SIZE
from ghostswap.swapfile.verdict import Area, Kernel, judge
from ghostswap.units import format_size


@dataclass(frozen=True, slots=True)
class Plan:
    """An area of `size` bytes, its header page included, whose header is or will be in `file`.

    `page` is that header where the file is to be written first. `priority` is None for the
    kernel's choice. `start_zswap` is True where zswap is off and may be turned on.
    """

    file: Path
    size: int
    page: bytes | None
    priority: int | None
    start_zswap: bool


def check_root(what: str) -> None:
    """Raise GhostswapError unless this process may do `what`, swapon or swapoff."""
    if os.geteuid() != 0:
        raise GhostswapError(what, "must be root (CAP_SYS_ADMIN)")


def plan_for_file(file: Path, priority: int | None, enable_zswap: bool) -> Plan:
    """How to switch on the ghost in `file`. Raises GhostswapError with the reason why not."""
    found = look_at(file)
    if found.kind is Kind.NOT_SWAP:
        raise GhostswapError(file, "no ghost: `ghostswap mkghost` writes one")
    if found.kind is not Kind.GHOST:
        raise GhostswapError(file, f"no ghost but a {found.kind.value}, which is swapon(8)'s work")
    verdict = judge(Area(found.head, found.size, found.is_file), Kernel.GHOST, PAGE_SIZE)
    if not verdict.accepted or found.header is None:
        raise GhostswapError(
            file, f"no kernel with pages of {PAGE_SIZE} takes it: {verdict.reason}"
        )
    if found.header.nr_badpages:
        raise GhostswapError(file, "lists bad pages, which a ghost must not")
    start_zswap = _zswap_to_start(enable_zswap)
    return Plan(file.resolve(), found.header.size_bytes, None, priority, start_zswap)


def plan_for_size(size: int, priority: int | None, enable_zswap: bool) -> Plan:
    """How to switch on a ghost area of `size` bytes whose file is our own affair.

    Raises UsageError for a size that no header can hold, GhostswapError where zswap is off.
    """
    header = Header(
        version=1,
        last_page=last_page_of(whole_pages(size, PAGE_SIZE), PAGE_SIZE),
        nr_badpages=0,
        bad_pages=(),
        uuid=parse_uuid("random"),
        volume=bytes(16),
        page_size=PAGE_SIZE,
        endianness=NATIVE,
    )
    start_zswap = _zswap_to_start(enable_zswap)
    return Plan(OWN_FILE, header.size_bytes, build(header), priority, start_zswap)


def _zswap_to_start(enable: bool) -> bool:
    if zswap_switch.zswap_is_on():
        return False
    if not enable:
        raise GhostswapError(
            "zswap",
            "is off, so the pages of a ghost area would have nowhere to go: "
            "--enable-zswap turns it on",
        )
    return True


def shell_lines(plan: Plan, way: Way) -> Iterator[str]:
    """What a user would type to do it, line by line."""
    swapon = "swapon" if plan.priority is None else f"swapon --priority {plan.priority}"
    file = quote(str(plan.file))
    if plan.page is not None:
        yield f"mkdir -p -m 700 {quote(str(plan.file.parent))}"
        yield f"ghostswap mkghost {file} --size {plan.size}"
    if plan.start_zswap:
        yield f"echo Y > {zswap_switch.ENABLED}"
    if way is Way.KERNEL:
        yield f"{swapon} {file}"
        return
    name = plain_name(plan.file)  # any name with our prefix does, for `off` to find it
    table = "\\n".join(str(target) for target in ghost_table("$loop", plan.size))
    yield f"loop=$(losetup --find --show {file})"
    yield f'printf "{table}\\n" | dmsetup create {name} --uuid {name}'
    yield f"{swapon} /dev/mapper/{name}"


def check_memory(areas: Iterable[GhostArea], available: int | None) -> None:
    """Raise GhostswapError when the areas hold more than the `available` bytes of memory.

    Bringing it back would then push other processes out, or have some of them killed.
    """
    held = sum(area.swap.used for area in areas if area.swap)
    if available is not None and held > available:
        raise GhostswapError(
            "swapoff",
            f"needs {format_size(held)} of memory, {format_size(available)} are available "
            "(--force tries it all the same)",
        )
