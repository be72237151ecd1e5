"""How much memory and swap the host has, and how its swap has been used since boot.

Source: fs/proc/meminfo.c, meminfo_proc_show(); mm/vmstat.c (Linux 6.18).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ghostswap.host.files import HostFiles
from ghostswap.host.kernel import page_size

_MEMINFO = re.compile(r"(?P<name>[^:\n]+):\s+(?P<number>\d{1,20})(?P<unit> kB)?", re.ASCII)
_VMSTAT = re.compile(r"(?P<name>\w+) (?P<number>\d{1,20})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Memory:
    """Lines of /proc/meminfo in bytes; None where this kernel has no such line."""

    mem_total: int | None
    mem_free: int | None
    mem_available: int | None
    swap_total: int | None
    swap_free: int | None
    swap_cached: int | None
    anonymous: int | None
    shmem: int | None
    zswap: int | None  # since 5.19: the pool
    zswapped: int | None  # since 5.19: what is stored in it, uncompressed

    @property
    def swap_used(self) -> int | None:
        """Bytes of swap in use."""
        if self.swap_total is None or self.swap_free is None:
            return None
        return self.swap_total - self.swap_free


def parse_meminfo(text: str) -> dict[str, int]:
    """The lines of /proc/meminfo by name: bytes, or plain counts where the line has no unit."""
    matches = map(_MEMINFO.fullmatch, text.split("\n"))
    return {
        match["name"]: int(match["number"]) * (1024 if match["unit"] else 1)
        for match in matches
        if match
    }


def parse_vmstat(text: str) -> dict[str, int]:
    """The counters of /proc/vmstat by name, in pages or events."""
    matches = map(_VMSTAT.fullmatch, text.split("\n"))
    return {match["name"]: int(match["number"]) for match in matches if match}


def read_memory(files: HostFiles) -> Memory:
    """The host's memory; every figure is None where /proc/meminfo is absent."""
    lines = parse_meminfo(files.text("proc/meminfo") or "")
    return Memory(
        mem_total=lines.get("MemTotal"),
        mem_free=lines.get("MemFree"),
        mem_available=lines.get("MemAvailable"),
        swap_total=lines.get("SwapTotal"),
        swap_free=lines.get("SwapFree"),
        swap_cached=lines.get("SwapCached"),
        anonymous=lines.get("AnonPages"),
        shmem=lines.get("Shmem"),
        zswap=lines.get("Zswap"),
        zswapped=lines.get("Zswapped"),
    )


@dataclass(frozen=True, slots=True)
class KernelMemory:
    """Bytes that are neither free nor anonymous nor a file's: the kernel's own, and the pools of
    swapped-out pages. `reclaimable` of them shrinkers may give back."""

    held: int
    reclaimable: int


def read_kernel_memory(files: HostFiles) -> KernelMemory | None:
    """The host's; None where /proc/meminfo lacks a line of it."""
    lines = parse_meminfo(files.text("proc/meminfo") or "")
    others = ("MemFree", "AnonPages", "Cached", "Buffers", "SwapCached")
    if not lines.keys() >= {"MemTotal", "KReclaimable", *others}:
        return None
    held = lines["MemTotal"] - sum(lines[name] for name in others)
    return KernelMemory(held, lines["KReclaimable"])


def read_vmstat(files: HostFiles) -> dict[str, int]:
    """The counters of /proc/vmstat; empty where it is absent."""
    return parse_vmstat(files.text("proc/vmstat") or "")


def host_page_size(files: HostFiles, memory: Memory, vmstat: Mapping[str, int]) -> int:
    """Bytes in a page of the host, which for a capture need not be this machine's.

    Nothing in proc or sys states it, but anonymous memory is there in kB and in pages; the two are
    read a moment apart, which the nearest power of two forgives.
    """
    pages, size = vmstat.get("nr_anon_pages"), memory.anonymous
    if files.live or not pages or not size:
        return page_size()
    return min(
        (1 << shift for shift in range(12, 17)),  # 4 to 64 KiB
        key=lambda bytes_a_page: abs(size // bytes_a_page - pages),
    )
