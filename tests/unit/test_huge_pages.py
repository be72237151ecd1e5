"""Huge pages: how many of a process's pages lie in them, and what zswap makes of those."""

import mmap
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ghostswap.census import codecs
from ghostswap.census.population import Copies, Population, SizeHistogram
from ghostswap.host import pagemap
from ghostswap.kernel.rules import Rules, rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zsmalloc import size_classes
from ghostswap.pages import process
from ghostswap.pages.process import Processes
from ghostswap.systems.zswap import zswap, zswap_dedup

PAGE = 4096
HUGE = 2 << 20
_PROGRAM = f"""
import mmap, sys
area = mmap.mmap(-1, {8 * HUGE}, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(mmap.MADV_HUGEPAGE)
for at in range(0, {8 * HUGE}, {PAGE}):
    area[at] = 7
print("ready", flush=True)
sys.stdin.read()
"""


def rules(version: str, *, whole: bool = True) -> Rules:
    known = rules_for(KernelVersion.parse(version), {})
    return replace(known, whole_huge_pages=whole)


@pytest.fixture
def pages() -> Population:
    """800 pages that compress to 1,000 bytes and 200 zero ones; a quarter of all in huge pages."""
    sizes = np.zeros(PAGE + 2)
    sizes[1000] = 800
    nothing = np.zeros(PAGE + 2)
    data, same = SizeHistogram(sizes, sizes), SizeHistogram(nothing, nothing)
    copies = Copies(np.array([1]), np.array([1000]))
    return Population(PAGE, "lz4", 200, same, data, copies, thp_share=0.25)


@pytest.mark.parametrize("system", [zswap, zswap_dedup])
def test_before_6_13_what_comes_whole_is_refused(system: object, pages: Population) -> None:
    assert callable(system)
    footprint = system(pages, rules("6.12"))
    assert (footprint.total_pages, footprint.refused_pages, footprint.refused_thp_pages) == (
        1000,
        250,
        250,
    )
    assert footprint.pages_stored == 600, "three quarters of the pages that are not zero"
    assert footprint.compressed_bytes == 600 * 1000


@pytest.mark.parametrize(("version", "whole"), [("6.12", False), ("6.13", True)])
def test_split_ones_and_newer_kernels_lose_none(
    version: str, whole: bool, pages: Population
) -> None:
    footprint = zswap(pages, rules(version, whole=whole))
    assert (footprint.refused_pages, footprint.pages_stored) == (0, 800)


@pytest.fixture
def pid() -> Iterator[int]:
    """A process with 16 MiB in huge pages; skips where there are none to be had."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        try:
            running.stdout.readline()
            if huge_pages(running.pid) == 0:
                pytest.skip("this machine gives no huge pages now")
            yield running.pid
        finally:
            running.kill()


def huge_pages(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = re.findall(r"^(?:AnonHugePages|ShmemPmdMapped): +(\d+) kB$", rollup, re.MULTILINE)
    return sum(map(int, sizes)) * 1024 // mmap.PAGESIZE


@pytest.mark.parametrize("by_scan", [True, False])
def test_as_many_are_counted_as_the_kernel_says(
    by_scan: bool, pid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By PAGEMAP_SCAN, and as before 6.7 by smaps_rollup."""
    if not by_scan:
        monkeypatch.setattr(pagemap, "has_pagemap_scan", lambda fd: False)
        monkeypatch.setattr(process, "has_pagemap_scan", lambda fd: False)
    source = Processes(mmap.PAGESIZE).open(pid)
    assert source.facts.thp == huge_pages(pid) <= source.runs.pages


@pytest.mark.parametrize("name", codecs.NAMES)
def test_a_zero_page_that_is_compressed_takes_64_bytes_of_pool_at_most(name: str) -> None:
    """What docs/figures.md says of zero pages inside huge ones."""
    codec, scratch = codecs.find(name), bytearray(codecs.scratch_bytes(PAGE))
    payload = codec.compress(memoryview(bytearray(PAGE)), scratch)
    classes = size_classes(PAGE)
    assert classes.size[classes.of_payload[payload]] <= 64
