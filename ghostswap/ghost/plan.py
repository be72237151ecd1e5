"""May this ghost be switched on here, and what exactly is to be done: all that is asked first."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from ghostswap.errors import GhostswapError
from ghostswap.ghost import writeback, zswap_switch
from ghostswap.ghost.areas import OWN_FILE, Backend, GhostArea, plain_name
from ghostswap.ghost.devicemapper import ghost_table
from ghostswap.host.files import HostFiles
from ghostswap.host.memory import Memory
from ghostswap.kernel.swapping import memory_for_swapoff, zswap_refuses_huge_pages
from ghostswap.owned import open_owned, path_of
from ghostswap.swapfile.area import Kind, look_at_open
from ghostswap.swapfile.geometry import last_page_of, whole_pages
from ghostswap.swapfile.header import NATIVE, Header, build, parse_uuid
from ghostswap.swapfile.running import PAGE_SIZE, running_version
from ghostswap.swapfile.verdict import Area, Kernel, judge
from ghostswap.units import format_size


@dataclass(frozen=True, slots=True)
class SwitchOn:
    """An area of `size` bytes, its header page included, whose header is or will be in `file`.

    `page` is that header where the file is to be written first. `priority` is None for the
    kernel's choice. `start_zswap` is True where zswap is off and may be turned on.
    `forbid_writeback` is True where zswap is to write nothing back while the area is on.
    """

    file: Path
    size: int
    page: bytes | None
    priority: int | None
    start_zswap: bool
    forbid_writeback: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """What goes with an area of any size: its priority (None: the kernel's choice), and what may
    be set for it."""

    priority: int | None = None
    enable_zswap: bool = False
    no_writeback: bool = False


def check_root(what: str) -> None:
    """Raise GhostswapError unless this process may do `what`, swapon or swapoff."""
    if os.geteuid() != 0:
        raise GhostswapError(what, "must be root (CAP_SYS_ADMIN)")


def plan_for_file(file: Path, wishes: Wishes) -> SwitchOn:
    """How to switch on the ghost in `file`. Raises GhostswapError with the reason why not."""
    fd = open_owned(file, os.O_RDONLY)
    try:
        area, file = look_at_open(file, fd), path_of(fd).readlink()
    finally:
        os.close(fd)
    if area.kind is Kind.NOT_SWAP:
        raise GhostswapError(file, "no ghost: `ghostswap mkghost` writes one")
    if area.kind is not Kind.GHOST:
        raise GhostswapError(file, f"no ghost but a {area.kind.value}, which is swapon(8)'s work")
    verdict = judge(Area(area.head, area.size, area.is_file), Kernel.GHOST, PAGE_SIZE)
    if not verdict.accepted or area.header is None:
        raise GhostswapError(
            file, f"no kernel with pages of {PAGE_SIZE} takes it: {verdict.reason}"
        )
    if area.header.nr_badpages:
        raise GhostswapError(file, "lists bad pages, which a ghost must not")
    return _planned(file, area.header.size_bytes, None, wishes)


def plan_for_new_file(file: Path, size: int, wishes: Wishes) -> SwitchOn:
    """How to switch on a ghost area of `size` bytes in `file`, which is written first unless it is
    such a ghost already. Raises UsageError and GhostswapError with the reason why not."""
    new = plan_for_size(size, wishes, file)
    if not os.path.lexists(file):
        folder = open_owned(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return replace(new, file=path_of(folder).readlink() / file.name)
        finally:
            os.close(folder)
    there = plan_for_file(file, wishes)
    if there.size != new.size:
        raise GhostswapError(
            file,
            f"is there, a ghost of {format_size(there.size)} and not {format_size(new.size)}: "
            "leave out --size, or have `ghostswap mkghost --force` write it anew",
        )
    return there


def plan_for_size(size: int, wishes: Wishes, file: Path = OWN_FILE) -> SwitchOn:
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
    return _planned(file, header.size_bytes, build(header), wishes)


def _planned(file: Path, size: int, page: bytes | None, wishes: Wishes) -> SwitchOn:
    start_zswap = _zswap_to_start(wishes.enable_zswap)
    if wishes.no_writeback:
        writeback.check(HostFiles(Path("/")))
    return SwitchOn(file, size, page, wishes.priority, start_zswap, wishes.no_writeback)


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


def shell_lines(plan: SwitchOn, backend: Backend) -> Iterator[str]:
    """What a user would type to do it, line by line."""
    swapon = "swapon" if plan.priority is None else f"swapon --priority {plan.priority}"
    file = shell_word(str(plan.file))
    if plan.page is not None:
        if plan.file == OWN_FILE:
            yield f"mkdir -p -m 700 {plan.file.parent}"
        yield f"ghostswap mkghost {file} --size {plan.size}"
    if plan.start_zswap:
        yield f"echo Y > {zswap_switch.ENABLED}"
    if plan.forbid_writeback:
        yield f"echo 0 > {writeback.switch_of(HostFiles(Path('/')))}"
    if backend is Backend.KERNEL:
        yield f"{swapon} {file}"
        return
    name = plain_name(plan.file)  # any name with our prefix does, for `off` to find it
    table = "\\n".join(str(target) for target in ghost_table("$loop", plan.size))
    yield f"loop=$(losetup --find --show {file})"
    yield f'printf "{table}\\n" | dmsetup create {name} --uuid {name}'
    if zswap_refuses_huge_pages(running_version()):  # the area has the kernel split them first
        node = f'$(basename "$(readlink -f /dev/mapper/{name})")'
        yield f"echo 1 > /sys/block/{node}/queue/rotational"
    yield f"{swapon} /dev/mapper/{name}"


def shell_word(text: str) -> str:
    """`text` as one word of any POSIX shell, with nothing that moves a cursor.

    Raises GhostswapError for one that ends in a newline, which a shell would take away.
    """
    if text.isprintable():
        return quote(text)
    if text.endswith("\n"):
        raise GhostswapError(text, "a name that ends in a newline cannot be written for a shell")
    octal = "".join(
        char if char.isprintable() and char not in "\\%'" else _octal(char) for char in text
    )
    return f"\"$(printf '{octal}')\""


def _octal(char: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(char))


def check_memory(areas: Iterable[GhostArea], memory: Memory) -> None:
    """Raise GhostswapError when bringing back what the areas hold takes more than is available.

    It would then push other processes out, or have some of them killed.
    """
    used = sum(area.swap.used for area in areas if area.swap)
    takes = memory_for_swapoff(used, memory.swap_used, memory.zswap, memory.swap_cached)
    available = memory.mem_available
    if available is not None and takes > available:
        raise GhostswapError(
            "swapoff",
            f"needs {format_size(takes)} of memory, {format_size(available)} are available "
            "(--force tries it all the same)",
        )
