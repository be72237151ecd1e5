"""A host as OpenMetrics text, which node_exporter's textfile collector takes as well.

Format: the OpenMetrics specification, 1.0. The collector reads the older text format of Prometheus,
which knows none of the types that OpenMetrics added, so only counters and gauges occur; lines of
UNIT and EOF are comments to it, and counters untyped, since it has their names with _total.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ghostswap.diagnose.capacity import storable_swap
from ghostswap.diagnose.findings import Finding
from ghostswap.host.cgroups import Cgroup
from ghostswap.host.files import as_text
from ghostswap.host.ksm import Ksm
from ghostswap.host.snapshot import Host
from ghostswap.host.swaps import SwapArea
from ghostswap.host.zram import IoStat, MmStat, Zram
from ghostswap.host.zswap import Zswap

_PREFIX, _TOTAL = "ghostswap_", "_total"
_UNITS = ("bytes", "pages")
_FAILURES = ("reject_", "pool_limit_hit", "decompress_fail")

Labels = Mapping[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metric(Generic[T]):
    """One figure of a T: a counter if its name ends in _total, else a gauge. The last word before
    that is its unit, where it is one."""

    name: str
    help: str
    value: Callable[[T], float | None]

    @property
    def family(self) -> str:
        """The name of what the samples are of, which has no _total."""
        return _PREFIX + self.name.removesuffix(_TOTAL)


_SWAP: tuple[Metric[SwapArea], ...] = (
    Metric("swap_size_bytes", "Size of a swap area.", lambda area: area.size),
    Metric("swap_used_bytes", "Used part of a swap area.", lambda area: area.used),
    Metric("swap_priority", "Priority of a swap area.", lambda area: area.priority),
)
_ZSWAP: tuple[Metric[Zswap], ...] = (
    Metric("zswap_enabled", "1 while zswap takes pages.", lambda zswap: zswap.parameters.enabled),
    Metric("zswap_pool_bytes", "RAM that the pool takes.", lambda zswap: zswap.pool),
    Metric("zswap_pool_limit_bytes", "Pool at which zswap is full.", lambda zswap: zswap.limit),
    Metric("zswap_stored_bytes", "Stored pages, uncompressed.", lambda zswap: zswap.stored),
    Metric("zswap_stored_pages_total", "Pages stored since boot.", lambda zswap: zswap.swapped_out),
    Metric("zswap_loaded_pages_total", "Pages loaded since boot.", lambda zswap: zswap.swapped_in),
    Metric(
        "zswap_written_back_pages_total",
        "Pages moved on to a swap area since boot.",
        lambda zswap: zswap.written_back,
    ),
)
_ZRAM: tuple[Metric[Zram], ...] = (
    Metric("zram_disksize_bytes", "Size of a zram device.", lambda device: device.disksize),
)
_MM_STAT: tuple[Metric[MmStat], ...] = (
    Metric("zram_stored_bytes", "Stored pages, uncompressed.", lambda stat: stat.orig_data_size),
    Metric("zram_compressed_bytes", "Stored pages, compressed.", lambda stat: stat.compr_data_size),
    Metric("zram_memory_bytes", "RAM that a device takes.", lambda stat: stat.mem_used_total),
    Metric("zram_memory_limit_bytes", "RAM it may take; 0: any.", lambda stat: stat.mem_limit),
    Metric("zram_same_pages", "Pages of one repeated word.", lambda stat: stat.same_pages),
    Metric("zram_huge_pages", "Pages stored uncompressed.", lambda stat: stat.huge_pages),
)
_IO_STAT: tuple[Metric[IoStat], ...] = (
    Metric("zram_failed_reads_total", "Reads that failed.", lambda stat: stat.failed_reads),
    Metric("zram_failed_writes_total", "Writes that failed.", lambda stat: stat.failed_writes),
)
_KSM: tuple[Metric[Ksm], ...] = (
    Metric("ksm_running", "1 while KSM scans.", lambda ksm: ksm.running),
    Metric("ksm_shared_pages", "Merged pages kept.", lambda ksm: ksm.pages("pages_shared")),
    Metric("ksm_sharing_pages", "Pages saved by them.", lambda ksm: ksm.pages("pages_sharing")),
    Metric("ksm_saved_bytes", "RAM saved by merging.", lambda ksm: ksm.saved),
    Metric("ksm_profit_bytes", "RAM saved less KSM's own cost.", lambda ksm: ksm.profit),
    Metric("ksm_full_scans_total", "Scans of all memory.", lambda ksm: ksm.pages("full_scans")),
)
_CGROUP: tuple[Metric[Cgroup], ...] = (
    Metric("cgroup_zswap_bytes", "Pool memory of a control group.", lambda group: group.zswap),
    Metric("cgroup_zswapped_bytes", "Its pages in zswap, uncompressed.", lambda g: g.zswapped),
    Metric("cgroup_zswap_max_bytes", "Its limit, where there is one.", lambda g: g.zswap_max),
    Metric("cgroup_swap_bytes", "Swap slots that it uses.", lambda group: group.swap),
)
_HOST: tuple[Metric[Host], ...] = (
    Metric(
        "swap_storable_bytes",
        "What all swap areas can hold at the ratios measured now.",
        storable_swap,
    ),
)
_COUNT: Callable[[int], int] = int
_ZSWAP_FAILURES: tuple[Metric[int], ...] = (
    Metric("zswap_failures_total", "Times that zswap failed, by debugfs counter.", _COUNT),
)
_FINDINGS: tuple[Metric[int], ...] = (
    Metric("findings", "Findings of `ghostswap inspect`, by code.", _COUNT),
)


def exposition(host: Host, findings: Sequence[Finding]) -> str:
    """All metrics of `host`, each with TYPE, UNIT and HELP; what it does not tell is left out."""
    return "".join(f"{line}\n" for line in (*_lines(host, findings), "# EOF"))


def escaped(value: str) -> str:
    r"""A label value: backslash, quote and newline are written as `\\`, `\"` and `\n`.

    The format takes any other character; one that moves a cursor is written out, as `\\x1b`.
    """
    shown = "".join(
        char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in value
    )
    return shown.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _lines(host: Host, findings: Sequence[Finding]) -> Iterator[str]:
    yield from _family(_SWAP, [(_area_labels(area), area) for area in host.swaps])
    yield from _family(_HOST, [({}, host)])
    if host.zswap is not None:
        yield from _family(_ZSWAP, [({}, host.zswap)])
        failures = (host.zswap.counters or {}).items()
        yield from _family(
            _ZSWAP_FAILURES,
            [({"counter": name}, count) for name, count in failures if name.startswith(_FAILURES)],
        )
    devices = [(_device_labels(device), device) for device in host.zram]
    yield from _family(_ZRAM, devices)
    yield from _family(_MM_STAT, [(own, dev.mm_stat) for own, dev in devices if dev.mm_stat])
    yield from _family(_IO_STAT, [(own, dev.io_stat) for own, dev in devices if dev.io_stat])
    if host.ksm is not None:
        yield from _family(_KSM, [({}, host.ksm)])
    yield from _family(
        _CGROUP, [({"cgroup": as_text(group.path)}, group) for group in host.cgroups or ()]
    )
    counted = Counter((finding.code, finding.severity.value) for finding in findings)
    yield from _family(
        _FINDINGS,
        [({"code": code, "severity": grave}, count) for (code, grave), count in counted.items()],
    )


def _family(metrics: Sequence[Metric[T]], items: Sequence[tuple[Labels, T]]) -> Iterator[str]:
    """Every metric of every item: the format wants all samples of one name together."""
    named = list(_apart(items))
    for metric in metrics:
        samples = [(labels, metric.value(item)) for labels, item in named]
        known = [(labels, value) for labels, value in samples if value is not None]
        if not known:
            continue
        family, unit = metric.family, metric.family.rpartition("_")[2]
        yield f"# TYPE {family} {'counter' if metric.name.endswith(_TOTAL) else 'gauge'}"
        if unit in _UNITS:
            yield f"# UNIT {family} {unit}"
        yield f"# HELP {family} {metric.help}"
        for labels, value in known:
            number = int(value) if isinstance(value, bool) else value
            yield f"{_PREFIX}{metric.name}{labels} {number}"


def _apart(items: Sequence[tuple[Labels, T]]) -> Iterator[tuple[str, T]]:
    """The items, their labels as text: a name that occurs again, as of files on two mounts, is
    numbered, since no two samples may have the same labels."""
    seen: Counter[str] = Counter()
    for labels, item in items:
        alike = _braced(labels)
        seen[alike] += 1
        yield (alike if seen[alike] == 1 else _braced({**labels, "again": str(seen[alike])})), item


def _braced(labels: Labels) -> str:
    inside = ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _area_labels(area: SwapArea) -> Labels:
    labels = {"name": as_text(area.path), "type": area.type, "medium": area.medium.value}
    return labels | {"deleted": "1"} if area.deleted else labels


def _device_labels(device: Zram) -> Labels:
    return {"device": device.name, "algorithm": device.algorithm or "unknown"}
