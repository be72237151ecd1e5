"""A host and what was found about it as plain data, for JSON; sizes are bytes."""

from collections.abc import Sequence
from dataclasses import asdict

from ghostswap.diagnose.capacity import storable_swap
from ghostswap.diagnose.findings import Finding
from ghostswap.host.cgroups import Cgroup
from ghostswap.host.files import as_text
from ghostswap.host.ksm import Ksm
from ghostswap.host.lru_gen import GroupAges
from ghostswap.host.snapshot import Host
from ghostswap.host.swaps import SwapArea
from ghostswap.host.zram import Zram
from ghostswap.host.zswap import Zswap

SCHEMA = "ghostswap.inspect-host/1"


def host_document(host: Host, findings: Sequence[Finding]) -> dict[str, object]:
    """The document that `ghostswap inspect --json` prints."""
    return {
        "schema": SCHEMA,
        "kernel": None if host.kernel is None else str(host.kernel),
        "page_size": host.page_size,
        "swaps": [_swap(area) for area in host.swaps],
        "zswap": None if host.zswap is None else _zswap(host.zswap),
        "zram": [_zram(device) for device in host.zram],
        "ksm": None if host.ksm is None else _ksm(host.ksm),
        "memory": _memory(host),
        "swapping": asdict(host.swapping),
        "interfaces": asdict(host.interfaces),
        "cgroups": None if host.cgroups is None else [_cgroup(group) for group in host.cgroups],
        "lru_gen": None
        if host.lru_gen is None
        else [_ages(group, host.page_size) for group in host.lru_gen],
        "findings": [
            {"severity": each.severity.value, "code": each.code, "message": each.message}
            for each in findings
        ],
    }


def _swap(area: SwapArea) -> dict[str, object]:
    return {
        "path": as_text(area.path),
        "type": area.type,
        "size_bytes": area.size,
        "used_bytes": area.used,
        "priority": area.priority,
        "deleted": area.deleted,
        "medium": area.medium.value,
        "rotational": area.rotational,
    }


def _zswap(zswap: Zswap) -> dict[str, object]:
    return {
        **asdict(zswap.parameters),
        "pool_bytes": zswap.pool,
        "stored_bytes": zswap.stored,
        "ratio": zswap.ratio,
        "limit_bytes": zswap.limit,
        "swapped_in_pages": zswap.swapped_in,
        "swapped_out_pages": zswap.swapped_out,
        "written_back_pages": zswap.written_back,
        "counters": None if zswap.counters is None else dict(zswap.counters),
    }


def _zram(device: Zram) -> dict[str, object]:
    return {
        "name": device.name,
        "disksize": device.disksize,
        "algorithm": device.algorithm,
        "algorithms": list(device.algorithms),
        "recompression": [asdict(each) for each in device.recompression],
        "ratio": device.ratio,
        "mm_stat": device.mm_stat and asdict(device.mm_stat),
        "io_stat": device.io_stat and asdict(device.io_stat),
        "bd_stat": device.bd_stat and asdict(device.bd_stat),
        "backing_dev": device.backing_dev,
    }


def _ksm(ksm: Ksm) -> dict[str, object]:
    return {
        **dict(ksm.counters),
        "advisor_mode": ksm.advisor_mode,
        "saved_bytes": ksm.saved,
        "profit_bytes": ksm.profit,
    }


def _memory(host: Host) -> dict[str, object]:
    figures = {f"{name}_bytes": value for name, value in asdict(host.memory).items()}
    return {
        **figures,
        "swap_used_bytes": host.memory.swap_used,
        "swap_storable_bytes": storable_swap(host),
    }


def _cgroup(group: Cgroup) -> dict[str, object]:
    return {
        "path": as_text(group.path),
        "zswap_bytes": group.zswap,
        "zswapped_bytes": group.zswapped,
        "zswap_incompressible_bytes": group.incompressible,
        "zswap_max_bytes": group.zswap_max,
        "writeback": group.writeback,
        "swap_bytes": group.swap,
        "swap_max_bytes": group.swap_max,
    }


def _ages(group: GroupAges, page_size: int) -> dict[str, object]:
    return {
        "path": as_text(group.path),
        "generations": [
            {
                "unused_seconds": each.unused_ms / 1000,
                "age_seconds": each.age_ms / 1000,
                "anon_bytes": each.anon_pages * page_size,
            }
            for each in group.generations
        ],
    }
