"""How large pages and areas may be: sizes in bytes to pages, within the kernel's limits."""

from ghostswap.errors import UsageError
from ghostswap.kernel.geometry import MAXIMUM_PAGES, MINIMUM_PAGES
from ghostswap.units import format_size


def whole_pages(size: int, page_size: int) -> int:
    """Whole pages of `page_size` bytes in `size` bytes, as mkswap counts them."""
    return size // page_size


def last_page_of(pages: int, page_size: int) -> int:
    """The last_page of an area of `pages` pages with its header page.

    Raises UsageError when the area would offer no page, or more than the kernel can number.
    """
    if pages < MINIMUM_PAGES:
        least = MINIMUM_PAGES * page_size
        raise UsageError(
            "SIZE",
            f"{pages} pages of {page_size} bytes offer nothing: the first is the header, "
            f"so at least {least} bytes ({format_size(least)})",
        )
    if pages > MAXIMUM_PAGES:
        most = MAXIMUM_PAGES * page_size
        raise UsageError(
            "SIZE",
            f"{pages} pages are more than the kernel can number; with pages of {page_size} bytes "
            f"the largest SIZE is {most} bytes ({MAXIMUM_PAGES} pages, {format_size(most)})",
        )
    return pages - 1
