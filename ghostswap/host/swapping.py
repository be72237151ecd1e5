"""How the host goes about swapping: huge pages, read-ahead, and whether zswap may write back."""

from collections.abc import Mapping
from dataclasses import dataclass

from ghostswap.host.cgroups import unified_mount
from ghostswap.host.files import HostFiles

_HUGE = "sys/kernel/mm/transparent_hugepage/enabled"


@dataclass(frozen=True, slots=True)
class Swapping:
    """None for what the host does not tell."""

    page_cluster: int | None  # a fault reads up to 2^page_cluster pages: vm.page-cluster
    huge_pages: bool | None  # may anonymous memory be in huge pages; False for "never"
    huge_pages_written: int | None  # written to an area whole since boot: thp_swpout
    writeback: bool | None  # memory.zswap.writeback of the root group, which holds for all; 6.8


def read_swapping(files: HostFiles, vmstat: Mapping[str, int]) -> Swapping:
    """What the host tells of it."""
    huge = files.text(_HUGE)
    mount = unified_mount(files)
    writeback = None if mount is None else files.text(f"{mount}/memory.zswap.writeback")
    return Swapping(
        page_cluster=files.number("proc/sys/vm/page-cluster"),
        huge_pages=None if huge is None else "[never]" not in huge,
        huge_pages_written=vmstat.get("thp_swpout"),
        writeback={"1": True, "0": False}.get(writeback or ""),
    )
