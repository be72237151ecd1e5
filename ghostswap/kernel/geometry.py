"""How large pages are, how many of them an area can have, and by what it is known."""

from ghostswap.kernel.version import V6_15, V7_1, KernelVersion

PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
"""Bytes; the page sizes that Linux machines use, and where libblkid looks for the signature."""

MAXIMUM_PAGES = 2**32 - 1
"""Pages with the header; si->max is an unsigned int (struct swap_info_struct, v6.18)."""

MINIMUM_PAGES = 2
"""Pages with the header: last_page must not be 0 (read_swap_header(), mm/swapfile.c, v6.18)."""


def refuses_large_blocks(version: KernelVersion) -> bool:
    """Whether swapon(2) refuses a file whose file system has blocks larger than a page: since 6.15
    (mapping_min_folio_order(), mm/swapfile.c)."""
    return version >= V6_15


def counts_bad_pages_one_by_one(version: KernelVersion) -> bool:
    """Whether swapon(2) logs a bad page outside of the area, and refuses one that is listed twice:
    since 7.1 (setup_swap_clusters_info() and swap_cluster_setup_bad_slot(), mm/swapfile.c)."""
    return version >= V7_1


SWAPSPACE2 = b"SWAPSPACE2"
MAGIC_BYTES = len(SWAPSPACE2)
"""The signature is the last ten bytes of the header page: include/linux/swap.h, v6.18."""
