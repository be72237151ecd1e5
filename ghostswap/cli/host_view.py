"""A host and what was found about it as lines for people."""

from collections.abc import Iterable, Iterator, Sequence

from ghostswap.cli.render import Column, emphasised, printable, size_text, table_lines
from ghostswap.diagnose.capacity import storable_swap
from ghostswap.diagnose.findings import Finding
from ghostswap.host.cgroups import Cgroup
from ghostswap.host.files import as_text
from ghostswap.host.ksm import Ksm
from ghostswap.host.lru_gen import GroupAges
from ghostswap.host.snapshot import Host
from ghostswap.host.zram import Zram
from ghostswap.host.zswap import Zswap
from ghostswap.report.fields import NOTHING as _UNKNOWN

SWAP_COLUMNS = (
    Column("PRIORITY", right=True),
    Column("NAME"),
    Column("TYPE"),
    Column("SIZE", right=True),
    Column("USED", right=True),
    Column("MEDIUM"),
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
_CGROUPS = (
    Column("CGROUP"),
    Column("ZSWAP", right=True),
    Column("STORED", right=True),
    Column("ZSWAP-MAX", right=True),
    Column("WRITEBACK"),
    Column("SWAP", right=True),
    Column("SWAP-MAX", right=True),
)
_AGES = (
    Column("CGROUP"),
    Column("UNDER-30S", right=True),
    Column("30S", right=True),
    Column("2MIN", right=True),
    Column("10MIN", right=True),
    Column("1H", right=True),
)
_AGES_MS = (0, 30_000, 120_000, 600_000, 3_600_000)
_SHOWN_COUNTERS = ("pool_total_size", "stored_pages", "written_back_pages")
# Parameters that have no line of their own, in the order of their age.
_SWITCHES = (
    "accept_threshold_percent",
    "same_filled_pages_enabled",
    "non_same_filled_pages_enabled",
    "exclusive_loads",
    "shrinker_enabled",
)


def host_lines(
    host: Host, findings: Sequence[Finding], *, exact: bool, headings: bool
) -> Iterator[str]:
    """All sections; `exact` prints sizes in bytes, without `headings` only their content."""
    sections: list[tuple[str, Iterable[str]]] = [
        ("Host", [f"Linux {host.kernel or _UNKNOWN}, pages of {size_text(host.page_size, exact)}"]),
        ("Swap areas (the highest priority is filled first)", swap_lines(host, exact, headings)),
        ("zswap (swapped pages kept compressed in RAM)", _zswap(host.zswap, exact)),
        ("zram (block devices in compressed RAM)", _zram(host.zram, exact, headings)),
        ("KSM (equal pages merged)", _ksm(host.ksm, exact)),
        ("Memory", _memory(host, exact)),
    ]
    if host.cgroups is not None:
        cgroups = _cgroups(host.cgroups, exact, headings)
        sections.append(("Control groups with pages in zswap, or rules for it", cgroups))
    if host.lru_gen is not None:
        ages = _ages(host.lru_gen, host.page_size, exact, headings)
        sections.append(("Anonymous memory by how long nothing used it (MGLRU)", ages))
    sections.append(("Findings", _findings(findings)))
    for number, (title, lines) in enumerate(sections):
        if headings:
            if number:
                yield ""
            yield emphasised(title)
        yield from lines


def swap_lines(
    host: Host, exact: bool, headings: bool, columns: str | None = None
) -> Iterator[str]:
    """The table of swap areas, or the chosen `columns` of it."""
    if not host.swaps and columns is None:
        yield "no swap areas"
        return
    rows = [
        (
            str(area.priority),
            printable(as_text(area.name)),
            printable(area.type),
            size_text(area.size, exact),
            size_text(area.used, exact),
            area.medium.value,
        )
        for area in sorted(host.swaps, key=lambda area: area.priority, reverse=True)
    ]
    whole = exact or columns is not None
    yield from table_lines(SWAP_COLUMNS, rows, headings=headings, only=columns, whole=whole)


def _zswap(zswap: Zswap | None, exact: bool) -> Iterator[str]:
    if zswap is None:
        yield "not in this kernel"
        return
    parameters = zswap.parameters
    allocator = f" in {parameters.zpool}" if parameters.zpool else ""
    yield _line("state", _on(parameters.enabled))
    yield _line("compressor", f"{parameters.compressor or _UNKNOWN}{allocator}")
    filled = _UNKNOWN if zswap.filled is None else f"{zswap.filled:.1%}"
    yield _line(
        "pool",
        f"{_size(zswap.pool, exact)}, {filled} of its limit of {_size(zswap.limit, exact)}"
        f" (max_pool_percent {_number(parameters.max_pool_percent)})",
    )
    yield _line("stored", f"{_size(zswap.stored, exact)} of pages, ratio {_ratio(zswap.ratio)}")
    yield _line(
        "since boot",
        f"{_number(zswap.swapped_out)} pages stored, {_number(zswap.swapped_in)} loaded,"
        f" {_number(zswap.written_back)} written back",
    )
    yield _line("counters", _zswap_counters(zswap))
    switches = ((name, getattr(parameters, name)) for name in _SWITCHES)
    parts = [(name, value) for name, value in switches if value is not None]
    if parts:
        yield _line("parameters", _named(parts))


def _zswap_counters(zswap: Zswap) -> str:
    if zswap.counters is None:
        return "unknown: they are in debugfs, if it is mounted, and for root"
    shown = [(name, n) for name, n in zswap.counters.items() if n and name not in _SHOWN_COUNTERS]
    return _named(shown) or "no page refused or lost"


def _zram(devices: Sequence[Zram], exact: bool, headings: bool) -> Iterator[str]:
    if not devices:
        yield "no zram devices"
        return
    rows = [_zram_row(device, exact) for device in devices]
    yield from table_lines(_ZRAM, rows, headings=headings)
    for device in devices:
        if not device.in_use:
            yield f"{device.name}: not set up"
        for recompressor in device.recompression:
            yield printable(
                f"{device.name}: recompresses with {recompressor.algorithm}"
                f" (priority {recompressor.priority})"
            )
        if device.backing_dev and device.bd_stat:
            yield printable(
                f"{device.name}: {size_text(device.bd_stat.count, exact)} moved to"
                f" {device.backing_dev}"
            )
        if device.io_stat and (device.io_stat.failed_reads or device.io_stat.failed_writes):
            yield (
                f"{device.name}: {device.io_stat.failed_reads} reads and"
                f" {device.io_stat.failed_writes} writes failed"
            )


def _zram_row(device: Zram, exact: bool) -> tuple[str, ...]:
    stat = device.mm_stat
    return (
        device.name,
        _size(device.disksize, exact),
        printable(device.algorithm or _UNKNOWN),
        _size(None if stat is None else stat.orig_data_size, exact),
        _size(None if stat is None else stat.mem_used_total, exact),
        _ratio(device.ratio),
        _number(None if stat is None else stat.same_pages),
        _number(None if stat is None else stat.huge_pages),
    )


def _ksm(ksm: Ksm | None, exact: bool) -> Iterator[str]:
    if ksm is None:
        yield "not in this kernel"
        return
    scans = f"{ksm.pages('full_scans')} full scans"
    yield _line("state", f"{_on(ksm.running)}, {scans}")
    kinds = (("shared", " (kept)"), ("sharing", " (saved)"), ("unshared", ""), ("volatile", ""))
    counts = ((kind, f"{ksm.pages(f'pages_{kind}')}{role}") for kind, role in kinds)
    yield _line("pages", _named(counts))
    yield _line("saved", size_text(ksm.saved, exact))
    yield _line(
        "profit", f"{_signed(ksm.profit, exact)} (what is saved less what KSM itself takes)"
    )


def _memory(host: Host, exact: bool) -> Iterator[str]:
    memory = host.memory
    total, available = _size(memory.mem_total, exact), _size(memory.mem_available, exact)
    yield _line("RAM", f"{total}, {available} available")
    total, used = _size(memory.swap_total, exact), _size(memory.swap_used, exact)
    yield _line("swap", f"{total}, {used} used" if host.swaps else "none")
    if host.swaps:
        storable = storable_swap(host)
        parts = (
            "unknown until a compressed area holds something"
            if storable is None
            else f"{size_text(storable, exact)} at the present ratios"
        )
        yield _line("can hold", parts)


def _cgroups(groups: Sequence[Cgroup], exact: bool, headings: bool) -> Iterator[str]:
    if not groups:
        yield "none"
        return
    rows = [
        (
            printable(as_text(group.path)),
            size_text(group.zswap, exact),
            _size(group.zswapped, exact),
            _limit(group.zswap_max, exact),
            _UNKNOWN if group.writeback is None else _yes(group.writeback),
            _size(group.swap, exact),
            _limit(group.swap_max, exact),
        )
        for group in groups
    ]
    yield from table_lines(_CGROUPS, rows, headings=headings, whole=exact)


def _ages(
    groups: Sequence[GroupAges], page_size: int, exact: bool, headings: bool
) -> Iterator[str]:
    """Each column holds what was unused for its age at least, and not for that of the next."""
    rows = []
    for group in groups:
        sizes = (size_text(n * page_size, exact) for n in group.pages_by_age(_AGES_MS))
        rows.append([printable(as_text(group.path)), *sizes])
    yield from table_lines(_AGES, rows, headings=headings, whole=exact) if rows else ["none"]


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        yield "nothing to remark"
    for finding in findings:
        yield f"{finding.severity.value}: {printable(finding.message)} [{finding.code}]"


def _line(name: str, value: str) -> str:
    return f"{name:<11} {printable(value)}"


def _named(values: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{name} {_word(value)}" for name, value in values)


def _word(value: object) -> object:
    return _yes(value) if isinstance(value, bool) else value


def _on(state: bool | None) -> str:
    return _UNKNOWN if state is None else "on" if state else "off"


def _yes(state: bool) -> str:
    return "yes" if state else "no"


def _size(size: int | None, exact: bool) -> str:
    return _UNKNOWN if size is None else size_text(size, exact)


def _limit(size: int | None, exact: bool) -> str:
    return "max" if size is None else size_text(size, exact)


def _signed(size: int, exact: bool) -> str:
    return f"{'+' if size > 0 else ''}{size_text(size, exact)}"


def _number(number: int | None) -> str:
    return _UNKNOWN if number is None else str(number)


def _ratio(ratio: float | None) -> str:
    return _UNKNOWN if ratio is None else f"{ratio:.2f}"
