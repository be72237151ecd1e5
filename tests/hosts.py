"""Hosts for tests: a plain one to change a part of, and the captures of real ones."""

from pathlib import Path

from ghostswap.host.interfaces import Interfaces
from ghostswap.host.memory import Memory
from ghostswap.host.snapshot import Host
from ghostswap.host.swaps import Medium, SwapArea
from ghostswap.host.zram import IoStat, MmStat, Zram
from ghostswap.host.zswap import Zswap, ZswapParameters
from ghostswap.kernel.version import KernelVersion

CAPTURES = Path(__file__).parent / "fixtures" / "hosts"
MIB = 1 << 20
GIB = 1 << 30

PLAIN = Host(
    kernel=KernelVersion(6, 18),
    page_size=4096,
    swaps=(),
    zswap=None,
    zram=(),
    ksm=None,
    memory=Memory(
        mem_total=8 * GIB,
        mem_free=GIB,
        mem_available=4 * GIB,
        swap_total=0,
        swap_free=0,
        swap_cached=0,
        anonymous=GIB,
        shmem=0,
        zswap=0,
        zswapped=0,
    ),
    interfaces=Interfaces(None, False, False, None),
    cgroups=None,
)


def area(
    name: bytes, medium: Medium = Medium.DISK, *, size: int = GIB, priority: int = -2
) -> SwapArea:
    """A swap area with nothing in it."""
    return SwapArea(name, "partition", size, 0, priority, medium, deleted=False, access=None)


def zswap(
    *, enabled: bool = True, pool: int = 0, stored: int = 0, limit: int = GIB, **counters: int
) -> Zswap:
    """zswap as Linux 6.18 shows it, with these counters in debugfs."""
    parameters = ZswapParameters(enabled, "lzo", 20, 90, False, None, None, None, None)
    return Zswap(parameters, pool, stored, limit, 0, 0, 0, counters or None)


def zram(
    *, disksize: int, stored: int = 0, used: int = 0, huge_pages: int = 0, failed_writes: int = 0
) -> Zram:
    """A zram device that holds `stored` bytes in `used` bytes of RAM."""
    return Zram(
        name="zram0",
        disksize=disksize,
        algorithm="lz4",
        algorithms=("lz4",),
        recompression=(),
        mm_stat=MmStat(stored, used, used, 0, used, 0, 0, huge_pages, huge_pages),
        io_stat=IoStat(0, failed_writes, 0),
        bd_stat=None,
        backing_dev=None,
    )
