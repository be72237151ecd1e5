"""What is fuzzed: one function a parser, which may raise only what that parser documents."""

import io
import os
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ghostswap.census.store import load
from ghostswap.errors import GhostswapError
from ghostswap.fleet.inventory import read_part
from ghostswap.host import frames, maps, memory, pagemap, swaps, zram
from ghostswap.host.cgroups import Cgroup
from ghostswap.host.kconfig import parse_config
from ghostswap.host.lru_gen import parse_lru_gen
from ghostswap.idle.ranges import IdleRegions, intervals_untouched, parse_column
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.pages import criu
from ghostswap.pages.compressed import (
    MAX_WINDOW_BYTES,
    Compression,
    DamageError,
    decompressed,
)
from ghostswap.pages.dump import Reading, open_dump, stream_of
from ghostswap.pages.layout import MOST_BYTES
from ghostswap.pages.process import parse_status
from ghostswap.pages.source import Source, Stream
from ghostswap.plan.answer import PlanInput, PlanRequest, plan
from ghostswap.plan.sizing import PoolLimit
from ghostswap.report import comparison, estimate
from ghostswap.report.openmetrics import exposition
from ghostswap.report.plan import document
from ghostswap.report.saved import check
from ghostswap.swapfile import header, verdict
from ghostswap.systems.comparison import compare
from ghostswap.systems.footprint import System
from tests.cores import PAGE, in_memory
from tests.fuzz import inputs
from tests.hosts import PLAIN

# So much is read of what an input claims to hold; it may claim 2^64 bytes.
_MOST_READ = 64 * PAGE
_RULES = rules_for(KernelVersion(6, 18), {})


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, the inputs it starts from, how long one may become, and what it may take for it
    whatever it claims to hold (bytes)."""

    name: str
    run: Callable[[bytes], None]
    inputs: Callable[[], Sequence[bytes]]
    most_bytes: int = 1 << 16
    memory_bytes: int = 150 << 20


class Bytes:
    """A ByteStream of bytes that are there already."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readinto(self, into: memoryview) -> int:
        return self._data.readinto(into)


class _Scratch:
    """One file in memory, overwritten with each input; a path leads to it."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("fuzz")
        self.path = Path(f"/proc/self/fd/{self.fd}")

    def put(self, data: bytes) -> None:
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, data, 0)


_scratch: list[_Scratch] = []


def _file(data: bytes) -> _Scratch:
    if not _scratch:
        _scratch.append(_Scratch())
    _scratch[0].put(data)
    return _scratch[0]


def _swap_header(data: bytes) -> None:
    found = header.find_header(data)
    if found is not None:
        _ = found.label, found.size_bytes, found.usable_bytes
    area = verdict.Area(data[:65536], len(data), regular_file=len(data) % 2 == 0)
    verdict.judge(area, verdict.Kernel.STOCK, 4096)
    verdict.judge(area, verdict.Kernel.GHOST, 16384 if len(data) % 3 == 0 else 4096)


def _dump_in_a_file(data: bytes) -> None:
    scratch = _file(data)
    lie = zlib.crc32(data)
    if lie % 4 == 0:  # a sparse file that is up to 4 EiB long
        os.ftruncate(scratch.fd, len(data) + (lie >> 2) * (1 << lie % 33))
    with suppress(GhostswapError):
        source = open_dump(scratch.path, PAGE, keep=lie % 3 == 0)
        if isinstance(source, Source):
            _first_and_last(source)
        else:
            _drain(source)


def _first_and_last(source: Source) -> None:
    pages, reader = source.runs.pages, source.open()
    room = memoryview(bytearray(8 * PAGE))
    try:
        for first in {0, max(pages - 8, 0)}:
            assert len(reader.read(first, min(8, pages), room)) == min(8, pages)
    finally:
        reader.close()
    assert min(source.facts.absent, source.facts.unreadable, source.facts.holes, pages) >= 0
    segments = list(source.segments)
    if segments:
        assert sum(segment.pages for segment in segments) == pages
        assert sum(segment.holes for segment in segments) == source.facts.holes


def _drain(stream: Stream) -> None:
    room = memoryview(bytearray(8 * PAGE))
    for _ in range(_MOST_READ // len(room)):
        if stream.fill(room) < 8:
            break
    assert min(stream.facts.absent, stream.facts.unreadable) >= 0


def _dump(data: bytes) -> None:
    """Both ways to read a dump."""
    _dump_in_a_file(data)
    with suppress(GhostswapError):
        _drain(stream_of("fuzz", Bytes(data), PAGE, Reading()))


def _criu_pagemap(data: bytes) -> None:
    with suppress(ValueError):
        found = criu.parse_pagemap(data)
        assert min(found.present, found.in_parent, found.lazy) >= 0
        layout = criu.layout_of([found] * 3, in_memory(data))
        for extent in layout.extents:
            assert 0 <= extent.offset <= extent.offset + extent.file_bytes <= MOST_BYTES
            assert extent.absent_pages(PAGE) >= 0


def _compressed(data: bytes) -> None:
    compression = Compression.of(in_memory(data).read)
    if compression is None:
        return
    room, given = memoryview(bytearray(1 << 16)), 0
    with suppress(DamageError):
        stream = decompressed(Bytes(data), compression)
        while given < _MOST_READ and (got := stream.readinto(room)):
            given += got


def _compressed_dump(data: bytes) -> None:
    _compressed(data)
    _dump(data)


def _fleet(data: bytes) -> None:
    with suppress(GhostswapError):
        part = read_part(_file(data).path)
        assert part.host.isprintable()
        assert part.totals.pages >= 0


def _census(data: bytes) -> None:
    with suppress(GhostswapError):
        census = load(_file(data).path)
        estimate.document(estimate.Estimate(census, compare(census, _RULES)))


def _lru_gen(data: bytes) -> None:
    for group in parse_lru_gen(data):
        assert min((each.anon_pages for each in group.generations), default=0) >= 0


def _tried_regions(data: bytes) -> None:
    rows = [line.split(b" ") for line in data.split(b"\n")]
    try:
        regions = IdleRegions(*(parse_column(column) for column in zip(*rows, strict=True)))
    except (ValueError, TypeError):  # a wrong number of columns is our own format's
        return
    asked = np.array([0, PAGE, 2**40, 2**64 - 1], dtype=np.uint64)
    assert (intervals_untouched(regions, asked) >= 0).all()


def _swaps(data: bytes) -> None:
    for area in swaps.parse_swaps(data):
        assert area.size >= 0
        assert isinstance(area.path, bytes)


def _metrics(data: bytes) -> None:
    """What is in names stays in its label, and the parser of prometheus_client takes it."""
    areas = swaps.parse_swaps(data)[:8]
    groups = tuple(
        Cgroup(path, 1, None, None, None, None, None, None) for path in data.split(b"\t")[:4]
    )
    text = exposition(replace(PLAIN, swaps=areas, cgroups=groups), ())
    families: list[Metric] = list(text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    values = {family.name: [each.value for each in family.samples] for family in families}
    assert values.get("ghostswap_swap_used_bytes", []) == [float(area.used) for area in areas]
    assert values["ghostswap_cgroup_zswap_bytes"] == [1.0] * len(groups)


def _maps(data: bytes) -> None:
    text, _, mountinfo = data.partition(b"\0")
    mounts = maps.Mounts(frozenset(), frozenset())
    with suppress(ValueError):
        mounts = maps.parse_mounts(mountinfo)
    with suppress(ValueError):
        for line in io.BytesIO(text):
            maps.parse_area(line).backing(mounts)


def _pagemap(data: bytes) -> None:
    fd = _file(data).fd  # no pagemap, so without PAGEMAP_SCAN: as before Linux 6.7
    start = np.array([0, 8 * PAGE], dtype=np.int64)
    end = np.array([5 * PAGE, 64 * PAGE], dtype=np.int64)
    ranges_asked = pagemap.MappedRanges(start, end, np.array([False, True]))
    seen = frames.SeenFrames(1 << 12)
    for found in pagemap.swappable(fd, ranges_asked, PAGE):
        assert (found.length > 0).all()
        for once in frames.distinct_pages(fd, found.start, found.length, PAGE, seen):
            assert once.length.sum() <= found.length.sum()
    assert len(pagemap.entries_of(fd, np.arange(1, 17))) == 16


def _pagemap_scan(data: bytes) -> None:
    """Answers of PAGEMAP_SCAN that say anything: a byte how many regions, walk_end, the regions."""
    answers = io.BytesIO(data)

    def ask(start: int, end: int) -> tuple["np.ndarray[tuple[int], np.dtype[np.void]]", int]:
        head = answers.read(9).ljust(9, b"\xff")
        said = answers.read(head[0] * pagemap.REGION.itemsize)
        whole = len(said) // pagemap.REGION.itemsize * pagemap.REGION.itemsize
        return np.frombuffer(said[:whole], dtype=pagemap.REGION), int.from_bytes(head[1:], "little")

    start = np.array([PAGE, 1 << 40], dtype=np.int64)
    end = np.array([64 * PAGE, (1 << 40) + 64 * PAGE], dtype=np.int64)
    last = 0
    with suppress(ValueError):
        ranges_asked = pagemap.MappedRanges(start, end, np.array([False, True]))
        for regions in pagemap.regions_by_scan(ask, ranges_asked):
            for region in regions:
                assert last <= region["start"] < region["end"] <= end[-1]
                last = int(region["end"])


def _status(data: bytes) -> None:
    assert min(parse_status(data).values()) >= 0
    frames.frames_of_machine(data)


def _statistics(data: bytes) -> None:
    text = data.decode(errors="replace")
    parsers: tuple[Callable[[str], object], ...] = (
        zram.parse_mm_stat,
        zram.parse_io_stat,
        zram.parse_bd_stat,
        KernelVersion.parse,
    )
    for parse in parsers:
        with suppress(ValueError):
            parse(text)
    zram.parse_algorithms(text)
    zram.parse_recompression(text)
    memory.parse_meminfo(text)
    memory.parse_vmstat(text)
    parse_config(text)


def _estimate(data: bytes) -> None:
    with suppress(GhostswapError):
        parsed = comparison.parse_estimate(data, "fuzz")
        check(parsed, "fuzz")
        saved = comparison.read(parsed, "fuzz")
        planned_from = PlanInput.of_comparison(saved, "fuzz", None)
        footprints = planned_from.footprints
        system = max(footprints, key=lambda system: (system is System.KSM, system))
        request = PlanRequest(system, saved.rules.version, 0.0, None)
        document([plan(planned_from, PoolLimit(16 << 30, 20), request)], request)


TARGETS = (
    Target("swap-header", _swap_header, inputs.swap_areas, 1 << 17),
    Target("swap-area", _dump, inputs.swap_areas, 1 << 17),
    Target("elf-core", _dump, inputs.cores),
    Target("lime", _dump, inputs.lime_files),
    Target("avml", _dump, inputs.avml_files),
    Target("criu-pagemap", _criu_pagemap, inputs.criu_pagemaps),
    # A decoder may set aside the window that a file asks for before anything is in it.
    Target(
        "compressed", _compressed_dump, inputs.compressed_files, memory_bytes=2 * MAX_WINDOW_BYTES
    ),
    Target("census", _census, inputs.census_files),
    Target("fleet", _fleet, inputs.census_files),
    Target("proc-swaps", _swaps, inputs.swaps_files),
    Target("metrics", _metrics, inputs.swaps_files),
    Target("lru-gen", _lru_gen, inputs.lru_gen_files),
    Target("tried-regions", _tried_regions, inputs.tried_regions),
    Target("proc-maps", _maps, inputs.maps_files),
    Target("pagemap", _pagemap, inputs.pagemap_files),
    Target("pagemap-scan", _pagemap_scan, inputs.scan_answers),
    Target("proc-status", _status, inputs.status_files),
    Target("statistics", _statistics, inputs.statistics_files),
    Target("estimate", _estimate, inputs.estimates),
)
