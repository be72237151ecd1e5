"""Raw pages: nothing but memory, from the first byte to the last."""

from ghostswap.pages.layout import MOST_BYTES, Dump, Extent, Layout


def is_raw(dump: Dump) -> bool:
    """True: whatever is of no other format is pages."""
    return True


def layout(dump: Dump) -> Layout:
    """All of the dump; through a pipe, pages go on until the bytes end.

    Raises ValueError where the dump has a part of a page.
    """
    if dump.size is None:
        return Layout((Extent(0, MOST_BYTES, MOST_BYTES),))
    if dump.size % dump.page_size:
        raise ValueError(
            f"is neither an ELF core nor a raw dump: its {dump.size} bytes are no whole number of "
            f"{dump.page_size}-byte pages"
        )
    return Layout((Extent(0, dump.size, dump.size),))
