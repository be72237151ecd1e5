"""One host at one moment: its swap areas, zswap, zram, KSM and memory."""

from dataclasses import dataclass
from pathlib import Path

from ghostswap.errors import GhostswapError
from ghostswap.host.cgroups import DEEPEST, MOST_GROUPS, Cgroup, read_cgroups
from ghostswap.host.files import HostFiles
from ghostswap.host.interfaces import Interfaces, read_interfaces
from ghostswap.host.kconfig import kernel_config
from ghostswap.host.kernel import running_kernel
from ghostswap.host.ksm import Ksm, read_ksm
from ghostswap.host.lru_gen import GroupAges, read_lru_gen
from ghostswap.host.memory import Memory, host_page_size, read_memory, read_vmstat
from ghostswap.host.swapping import Swapping, read_swapping
from ghostswap.host.swaps import MOST_AREAS, SwapArea, lines_left_out, read_swaps
from ghostswap.host.zram import Zram, read_zram
from ghostswap.host.zswap import Zswap, read_zswap
from ghostswap.kernel.version import KernelVersion

_UNTOLD = Swapping(None, None, None, None)


@dataclass(frozen=True, slots=True)
class Host:
    """What was read, without change to the host; None and empty for what it does not have."""

    kernel: KernelVersion | None
    page_size: int  # bytes
    swaps: tuple[SwapArea, ...]
    zswap: Zswap | None
    zram: tuple[Zram, ...]
    ksm: Ksm | None
    memory: Memory
    interfaces: Interfaces
    cgroups: tuple[Cgroup, ...] | None  # None where they were not asked for
    swapping: Swapping = _UNTOLD
    left_out: tuple[str, ...] = ()  # what is there and was not read, in words
    lru_gen: tuple[GroupAges, ...] | None = None  # None likewise, and where nothing tells


def read_host(root: Path, *, cgroups: bool = False) -> Host:
    """The host below `root`, with its `cgroups` where asked, since there may be thousands.

    GhostswapError if that is no host; what it lacks is no error.
    """
    files = HostFiles(root)
    files.check()
    memory, vmstat = read_memory(files), read_vmstat(files)
    page_size = host_page_size(files, memory, vmstat)
    swaps = read_swaps(files)
    groups = read_cgroups(files) if cgroups else None
    left_out = []
    if lines := lines_left_out(files.data("proc/swaps") or b""):
        left_out.append(f"{lines} swap areas after the first {MOST_AREAS}")
    if groups and groups.left_out:
        left_out.append(f"control groups deeper than {DEEPEST}, or after {MOST_GROUPS}")
    return Host(
        kernel=_kernel(root),
        page_size=page_size,
        swaps=swaps,
        zswap=read_zswap(files, memory, vmstat, page_size),
        zram=read_zram(files),
        ksm=read_ksm(files, page_size),
        memory=memory,
        interfaces=read_interfaces(files, swaps, kernel_config(root)),
        cgroups=None if groups is None else groups.groups,
        swapping=read_swapping(files, vmstat),
        left_out=tuple(left_out),
        lru_gen=read_lru_gen(files) if cgroups else None,
    )


def _kernel(root: Path) -> KernelVersion | None:
    try:
        return running_kernel(root)
    except GhostswapError:
        return None
