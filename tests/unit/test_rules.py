"""What a kernel's configuration decides of the models' rules."""

import pytest

from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zswap import pool_limit


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


def test_zswaps_zstd_is_not_zrams_from_6_12_to_6_15() -> None:
    for version, error in (("6.1", 0.0), ("6.12", 0.012), ("6.15", 0.012), ("6.18", 0.0)):
        rules = rules_for(KernelVersion.parse(version), {})
        assert rules.zswap_codec_error("zstd:3") == error
        assert rules.zswap_codec_error("lz4") == 0


def test_zswaps_limit_is_counted_in_whole_pages() -> None:
    """15.6 GiB of RAM at 20 %: zswap_max_pages() gives 816750 pages, not 3345410457 bytes."""
    assert pool_limit(16727052288, 20, 4096) == 816750 * 4096
