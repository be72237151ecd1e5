"""How large pages are, and how many of them an area can have."""

from ghostswap.kernel.version import V6_15, KernelVersion

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
