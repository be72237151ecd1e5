"""The slots of an existing swap area: every page of it but the header and the bad ones."""

from ghostswap.kernel.geometry import MAGIC_BYTES, SWAPSPACE2
from ghostswap.pages.layout import Dump, Extent, Layout

_WARNING = (
    "is a swap area: slots that are not in use are counted too, for nothing tells them; and of a "
    "swapfile made with fallocate(1) the file system shows zeros"
)


def is_swap_area(dump: Dump) -> bool:
    """True when the first page of a dump ends as that of a swap area does."""
    return dump.read(dump.page_size - MAGIC_BYTES, MAGIC_BYTES) == SWAPSPACE2


def layout(dump: Dump) -> Layout:
    """The slots of a swap area; ValueError where its header makes no sense."""
    from ghostswap.swapfile.header import parse

    page_size = dump.page_size
    header = parse(dump.read(0, page_size))
    if header.version != 1:
        raise ValueError(f"is a swap area of version {header.version}; only version 1 is known")
    bad = sorted({page for page in header.bad_pages if page <= header.last_page})
    ends = [*bad, header.pages]
    begins = [1, *(page + 1 for page in bad)]
    extents = [
        _slots(begin, end, page_size)
        for begin, end in zip(begins, ends, strict=True)
        if begin < end
    ]
    if not extents:
        raise ValueError("is a swap area without a slot")
    if len(dump.read(page_size, 1)) == 0:
        raise ValueError("is a ghost swap area: it has a header and holds no pages")
    return Layout(extents, (_WARNING,))


def _slots(begin: int, end: int, page_size: int) -> Extent:
    length = (end - begin) * page_size
    return Extent(begin * page_size, length, length)
