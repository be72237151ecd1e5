"""How zswap is set and what its pool holds.

Source: mm/zswap.c (Linux 6.1, 6.12, 6.18); parameters in /sys/module/zswap/parameters, counters in
debugfs, which only root may read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ghostswap.host.files import HostFiles, whole_number
from ghostswap.host.memory import Memory
from ghostswap.kernel.zswap import pool_limit

_PARAMETERS = "sys/module/zswap/parameters"
_DEBUGFS = "sys/kernel/debug/zswap"


@dataclass(frozen=True, slots=True)
class ZswapParameters:
    """Every parameter that zswap has had; None where the host's kernel lacks it."""

    enabled: bool | None
    compressor: str | None
    max_pool_percent: int | None
    accept_threshold_percent: int | None  # since 5.6
    shrinker_enabled: bool | None  # since 6.8
    zpool: str | None  # until 6.17: since 6.18 there is only zsmalloc
    same_filled_pages_enabled: bool | None  # until 6.9
    non_same_filled_pages_enabled: bool | None  # until 6.9
    exclusive_loads: bool | None  # 6.5 to 6.8


@dataclass(frozen=True, slots=True)
class Zswap:
    """zswap as set up, and what it holds now; None for what the host does not tell."""

    parameters: ZswapParameters
    pool: int | None  # bytes of RAM that the compressed pages take
    stored: int | None  # bytes they have uncompressed
    limit: int | None  # bytes: the pool at which zswap takes no more
    swapped_in: int | None  # pages loaded from zswap since boot
    swapped_out: int | None  # pages stored
    written_back: int | None  # pages moved on to a swap area
    counters: Mapping[str, int] | None  # debugfs: pages, except pool_total_size in bytes

    @property
    def ratio(self) -> float | None:
        """Bytes stored for a byte of pool; None while the pool is empty."""
        return self.stored / self.pool if self.stored and self.pool else None

    @property
    def filled(self) -> float | None:
        """The pool as a part of its limit."""
        return self.pool / self.limit if self.pool is not None and self.limit else None


def read_zswap(
    files: HostFiles, memory: Memory, vmstat: Mapping[str, int], page_size: int
) -> Zswap | None:
    """The host's zswap; None where its kernel has none."""
    names = files.names(_PARAMETERS)
    if not names:
        return None
    parameters = _read_parameters(files)
    counters = _read_counters(files)
    known = counters or {}
    stored_pages = known.get("stored_pages")
    ram, percent = memory.mem_total, parameters.max_pool_percent
    return Zswap(
        parameters=parameters,
        pool=memory.zswap if memory.zswap is not None else known.get("pool_total_size"),
        stored=(
            memory.zswapped
            if memory.zswapped is not None or stored_pages is None
            else stored_pages * page_size
        ),
        limit=None if ram is None or percent is None else pool_limit(ram, percent, page_size),
        swapped_in=vmstat.get("zswpin"),
        swapped_out=vmstat.get("zswpout"),
        written_back=vmstat.get("zswpwb", known.get("written_back_pages")),
        counters=counters,
    )


def _read_parameters(files: HostFiles) -> ZswapParameters:
    def text(name: str) -> str | None:
        return files.text(f"{_PARAMETERS}/{name}")

    def number(name: str) -> int | None:
        return whole_number(text(name))

    def switch(name: str) -> bool | None:
        return {"Y": True, "N": False}.get(text(name) or "")

    return ZswapParameters(
        enabled=switch("enabled"),
        compressor=text("compressor"),
        max_pool_percent=number("max_pool_percent"),
        accept_threshold_percent=number("accept_threshold_percent"),
        shrinker_enabled=switch("shrinker_enabled"),
        zpool=text("zpool"),
        same_filled_pages_enabled=switch("same_filled_pages_enabled"),
        non_same_filled_pages_enabled=switch("non_same_filled_pages_enabled"),
        exclusive_loads=switch("exclusive_loads"),
    )


def _read_counters(files: HostFiles) -> dict[str, int] | None:
    """All counters of debugfs; None where it is not mounted or not ours to read."""
    numbers = {name: files.number(f"{_DEBUGFS}/{name}") for name in files.names(_DEBUGFS)}
    counters = {name: number for name, number in numbers.items() if number is not None}
    return counters or None
