"""What a kernel's configuration decides of the models' rules."""

import pytest

from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zswap import Allocator, pool_limit
from scripts import kernels_table


@pytest.mark.parametrize(
    ("config", "entry_bytes"),
    [
        ({}, 16),
        ({"ZRAM": "m"}, 16),
        ({"ZRAM_MEMORY_TRACKING": "y"}, 24),  # Debian's 6.1, 24 bytes an entry as measured
        ({"ZRAM_TRACK_ENTRY_ACTIME": "y", "ZRAM_MEMORY_TRACKING": "y"}, 24),  # Debian's 6.12
    ],
)
def test_zram_pays_for_the_time_of_access_where_it_is_tracked(
    config: dict[str, str], entry_bytes: int
) -> None:
    assert rules_for(KernelVersion(6, 12), config).zram_entry_bytes == entry_bytes


@pytest.mark.parametrize(("version", "own"), [("6.11", 0), ("6.12", 1), ("6.16", 1), ("6.17", 0)])
def test_zswaps_zstd_is_not_zrams_from_6_12_to_6_16(version: str, own: bool) -> None:
    rules = rules_for(KernelVersion.parse(version), {})
    for name in ("zstd", "zstd:3"):
        assert (rules.zswap_variant(name) is Variant.IN_CRYPTO) is bool(own)
    for name in ("zstd:9", "lz4"):
        assert rules.zswap_variant(name) is Variant.ZRAM


def test_a_time_of_access_costs_zram_nothing_since_7_0() -> None:
    tracked = {"ZRAM_TRACK_ENTRY_ACTIME": "y"}
    assert rules_for(KernelVersion(6, 19), tracked).zram_entry_bytes == 24
    assert rules_for(KernelVersion(7, 0), tracked).zram_entry_bytes == 16


@pytest.mark.parametrize(
    ("version", "config", "zpool", "allocator"),
    [
        ("6.6", {}, None, Allocator.ZBUD),
        ("6.7", {}, None, Allocator.ZSMALLOC),
        ("6.1", {"ZSWAP_ZPOOL_DEFAULT": '"zsmalloc"'}, None, Allocator.ZSMALLOC),
        ("6.12", {"ZSWAP_ZPOOL_DEFAULT": '"zsmalloc"'}, "zbud", Allocator.ZBUD),
        ("6.12", {}, "(null)", Allocator.ZSMALLOC),
        ("6.15", {"ZSWAP_ZPOOL_DEFAULT": '"zbud"'}, None, Allocator.ZSMALLOC),  # has it no more
    ],
)
def test_zswaps_allocator_is_the_live_one_then_the_configured_then_the_default(
    version: str, config: dict[str, str], zpool: str | None, allocator: Allocator
) -> None:
    assert rules_for(KernelVersion.parse(version), config, zpool).allocator is allocator


@pytest.mark.parametrize(
    ("version", "entry_bytes"),
    # Fields added up from struct zswap_entry, mm/zswap.c, of 6.1.192 and 6.12.117; the releases
    # between are where a field came or went.
    [("5.18", 56), ("5.19", 64), ("6.1", 64), ("6.5", 80), ("6.9", 80), ("6.10", 56), ("6.18", 56)],
)
def test_an_entry_of_zswap_takes_as_many_bytes_as_its_fields(
    version: str, entry_bytes: int
) -> None:
    assert rules_for(KernelVersion.parse(version), {}).zswap_entry_bytes == entry_bytes


def test_the_table_of_kernels_is_what_the_rules_say() -> None:
    assert kernels_table.PAGE.read_text() == kernels_table.page(), "run: make kernels"


def test_zswaps_limit_is_counted_in_whole_pages() -> None:
    """15.6 GiB of RAM at 20 %: zswap_max_pages() gives 816750 pages, not 3345410457 bytes."""
    assert pool_limit(16727052288, 20, 4096) == 816750 * 4096


@pytest.mark.parametrize(
    ("version", "zpool", "header"),
    [
        ("6.2", "zsmalloc", 0),  # zs_zpool_driver has no evict
        ("6.3", "zsmalloc", 8),
        ("6.4", "zsmalloc", 8),
        ("6.5", "zsmalloc", 0),  # zswap_writeback_entry() no longer reads a header
        ("6.2", "zbud", 8),
        ("6.5", "zbud", 0),
    ],
)
def test_a_payload_has_a_header_where_the_allocator_can_write_it_back(
    version: str, zpool: str, header: int
) -> None:
    assert rules_for(KernelVersion.parse(version), {}, zpool).zswap_header_bytes == header


def test_what_zbud_wastes_more_pages_would_not_fill() -> None:
    version = KernelVersion(6, 1)
    assert rules_for(version, {}, "zbud").zswap_slack_bytes(4096, 1 << 20, 1 << 19) == 0
    assert rules_for(version, {}, "zsmalloc").zswap_slack_bytes(4096, 1 << 20, 1 << 19) > 0
