"""Which zram devices there are, how they are set and what they hold.

Source: Documentation/admin-guide/blockdev/zram.rst; drivers/block/zram/zram_drv.c (Linux 6.18).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ghostswap.host.files import HostFiles

_DEVICE = re.compile(r"zram\d+")
_CHOSEN = re.compile(r"\[([^\]\s]+)\]")
_RECOMPRESSION = re.compile(r"#(?P<priority>\d+):(?P<list>.*)")
T = TypeVar("T")
BLOCK_BYTES = 4096  # bd_stat counts in these, whatever the page size


@dataclass(frozen=True, slots=True)
class MmStat:
    """mm_stat: bytes, then pages. huge_pages_since is None before 5.18."""

    orig_data_size: int
    compr_data_size: int
    mem_used_total: int
    mem_limit: int
    mem_used_max: int
    same_pages: int
    pages_compacted: int
    huge_pages: int
    huge_pages_since: int | None


@dataclass(frozen=True, slots=True)
class IoStat:
    """io_stat: how often reads and writes failed, and how often a slot was freed."""

    failed_reads: int
    failed_writes: int
    notify_free: int


@dataclass(frozen=True, slots=True)
class BdStat:
    """bd_stat: what lies on the backing device, and was read from and written to it, in bytes."""

    count: int
    reads: int
    writes: int


@dataclass(frozen=True, slots=True)
class Recompressor:
    """A second algorithm, tried when userspace asks for it; 1 is the first such priority."""

    priority: int
    algorithm: str


@dataclass(frozen=True, slots=True)
class Zram:
    """One zram device; None for what its kernel does not tell."""

    name: str
    disksize: int | None  # bytes; 0 until it is set up
    algorithm: str | None
    algorithms: tuple[str, ...]  # what it could use
    recompression: tuple[Recompressor, ...]
    mm_stat: MmStat | None
    io_stat: IoStat | None
    bd_stat: BdStat | None
    backing_dev: str | None  # None also when it has none

    @property
    def in_use(self) -> bool:
        """True once it has a size."""
        return bool(self.disksize)

    @property
    def ratio(self) -> float | None:
        """Bytes stored in RAM for a byte of it; None while it is empty."""
        stat = self.mm_stat
        return self.kept / stat.mem_used_total if stat and stat.mem_used_total else None

    @property
    def kept(self) -> int:
        """Bytes stored in RAM, uncompressed: orig_data_size counts as well what was written back
        to the backing device (writeback_store(), drivers/block/zram/zram_drv.c, 6.18)."""
        moved = self.bd_stat.count if self.bd_stat else 0
        return max(0, self.mm_stat.orig_data_size - moved) if self.mm_stat else 0


def parse_mm_stat(text: str) -> MmStat:
    """mm_stat of any kernel since 4.19; ValueError for anything else."""
    orig, compr, used, limit, used_max, same, compacted, huge, *newer = map(int, text.split())
    since = newer[0] if newer else None
    return MmStat(orig, compr, used, limit, used_max, same, compacted, huge, since)


def parse_io_stat(text: str) -> IoStat:
    """io_stat, whose third column (invalid_io) is always 0 since 6.12; ValueError if it is none."""
    failed_reads, failed_writes, _, notify_free, *_ = map(int, text.split())
    return IoStat(failed_reads, failed_writes, notify_free)


def parse_bd_stat(text: str) -> BdStat:
    """bd_stat, which counts blocks of 4096 bytes, as bytes; ValueError for anything else."""
    count, reads, writes, *_ = (int(word) * BLOCK_BYTES for word in text.split())
    return BdStat(count, reads, writes)


def parse_algorithms(text: str) -> tuple[str | None, tuple[str, ...]]:
    """The algorithm in brackets, and all of them.

    >>> parse_algorithms("lzo-rle [lz4] zstd")
    ('lz4', ('lzo-rle', 'lz4', 'zstd'))
    """
    current = _CHOSEN.search(text)
    return current and current[1], tuple(word.strip("[]") for word in text.split())


def parse_recompression(text: str) -> tuple[Recompressor, ...]:
    """recomp_algorithm: a line `#1: lzo [zstd]` for every priority; those with one chosen."""
    recompressors = []
    for line in text.splitlines():
        match = _RECOMPRESSION.fullmatch(line)
        current = parse_algorithms(match["list"])[0] if match else None
        if match and current:
            recompressors.append(Recompressor(int(match["priority"]), current))
    return tuple(recompressors)


def read_zram(files: HostFiles) -> tuple[Zram, ...]:
    """The host's zram devices, by number."""
    names = [name for name in files.names("sys/block") if _DEVICE.fullmatch(name)]
    names.sort(key=lambda name: int(name.removeprefix("zram")))
    return tuple(_read_device(files, name) for name in names)


def _read_device(files: HostFiles, name: str) -> Zram:
    def text(attribute: str) -> str:
        return files.text(f"sys/block/{name}/{attribute}") or ""

    algorithm, algorithms = parse_algorithms(text("comp_algorithm"))
    backing = text("backing_dev")
    return Zram(
        name=name,
        disksize=files.number(f"sys/block/{name}/disksize"),
        algorithm=algorithm,
        algorithms=algorithms,
        recompression=parse_recompression(text("recomp_algorithm")),
        mm_stat=_parsed(parse_mm_stat, text("mm_stat")),
        io_stat=_parsed(parse_io_stat, text("io_stat")),
        bd_stat=_parsed(parse_bd_stat, text("bd_stat")),
        backing_dev=backing if backing not in ("", "none") else None,
    )


def _parsed(parse: Callable[[str], T], text: str) -> T | None:
    try:
        return parse(text)
    except ValueError:
        return None
