"""What `ghostswap inspect` without PATH shows: how this host, or a captured one, swaps."""

from collections.abc import Sequence
from pathlib import Path

from ghostswap.cli.host_document import host_document, shown_name
from ghostswap.cli.render import Column, emphasised, print_json, print_table, printable, size_text
from ghostswap.host.findings import Finding, findings
from ghostswap.host.ksm import Ksm
from ghostswap.host.memory import Memory
from ghostswap.host.snapshot import Host, read_host
from ghostswap.host.zram import Zram
from ghostswap.host.zswap import Zswap

_SWAPS = (
    Column("PRIORITY", right=True),
    Column("NAME"),
    Column("TYPE"),
    Column("SIZE", right=True),
    Column("USED", right=True),
)
_ZRAM = (
    Column("NAME"),
    Column("DISKSIZE", right=True),
    Column("ALGORITHM"),
    Column("STORED", right=True),
    Column("RAM", right=True),
    Column("RATIO", right=True),
    Column("SAME-PAGES", right=True),
    Column("HUGE-PAGES", right=True),
)
_UNKNOWN = "–"


def show_host(root: Path, *, json: bool, exact: bool, headings: bool, columns: str | None) -> None:
    """Print the host below `root`; with `columns`, only these of its table of swap areas."""
    host = read_host(root)
    found = findings(host)
    if json:
        print_json(host_document(host, found))
    elif columns is not None:
        _show_swaps(host, exact, headings, columns)
    else:
        _show(host, found, exact, headings)


def _show(host: Host, found: Sequence[Finding], exact: bool, headings: bool) -> None:
    _heading("Swap areas, the highest priority is filled first", headings)
    if host.swaps:
        _show_swaps(host, exact, headings, None)
    else:
        print("no swap areas")
    _heading("zswap, compressed pages in front of the swap areas", headings)
    _show_zswap(host.zswap, exact)
    _heading("zram, compressed block devices", headings)
    _show_zram(host.zram, exact, headings)
    _heading("KSM, equal pages merged", headings)
    _show_ksm(host.ksm, exact)
    _heading("Memory", headings)
    _show_memory(host.memory, exact)
    _heading("Findings", headings)
    for finding in found:
        print(f"{finding.severity.value}: {printable(finding.message)} [{finding.code}]")
    if not found:
        print("nothing to remark")


def _heading(title: str, headings: bool) -> None:
    if headings:
        print(f"{emphasised(title)}")


def _show_swaps(host: Host, exact: bool, headings: bool, columns: str | None) -> None:
    rows = [
        (
            str(area.priority),
            printable(shown_name(area.name)),
            printable(area.type),
            size_text(area.size, exact),
            size_text(area.used, exact),
        )
        for area in sorted(host.swaps, key=lambda area: -area.priority)
    ]
    print_table(_SWAPS, rows, headings=headings, chosen=columns)


def _show_zswap(zswap: Zswap | None, exact: bool) -> None:
    if zswap is None:
        print("not in this kernel")
        return
    parameters = zswap.parameters
    _line("state", "on" if parameters.enabled else "off")
    _line("compressor", parameters.compressor or _UNKNOWN)
    _line("pool", f"{_size(zswap.pool, exact)} of at most {_size(zswap.limit, exact)}")
    _line("stored", f"{_size(zswap.stored, exact)}, ratio {_ratio(zswap.ratio)}")


def _show_zram(devices: Sequence[Zram], exact: bool, headings: bool) -> None:
    if not devices:
        print("no zram devices")
        return
    rows = [_zram_row(device, exact) for device in devices]
    print_table(_ZRAM, rows, headings=headings)


def _zram_row(device: Zram, exact: bool) -> tuple[str, ...]:
    stat = device.mm_stat
    return (
        device.name,
        _size(device.disksize, exact),
        printable(device.algorithm or _UNKNOWN),
        _size(None if stat is None else stat.orig_data_size, exact),
        _size(None if stat is None else stat.mem_used_total, exact),
        _ratio(device.ratio),
        _count(None if stat is None else stat.same_pages),
        _count(None if stat is None else stat.huge_pages),
    )


def _show_ksm(ksm: Ksm | None, exact: bool) -> None:
    if ksm is None:
        print("not in this kernel")
        return
    _line("state", "on" if ksm.running else "off")
    _line("saved", f"{size_text(ksm.saved, exact)} ({ksm.pages('pages_sharing')} pages)")
    _line("profit", size_text(ksm.profit, exact))


def _show_memory(memory: Memory, exact: bool) -> None:
    _line(
        "RAM", f"{_size(memory.mem_total, exact)}, {_size(memory.mem_available, exact)} available"
    )
    _line("swap", f"{_size(memory.swap_total, exact)}, {_size(memory.swap_free, exact)} free")


def _line(name: str, value: str) -> None:
    print(f"{name:<11} {value}")


def _size(size: int | None, exact: bool) -> str:
    return _UNKNOWN if size is None else size_text(size, exact)


def _count(count: int | None) -> str:
    return _UNKNOWN if count is None else str(count)


def _ratio(ratio: float | None) -> str:
    return _UNKNOWN if ratio is None else f"{ratio:.2f}"
