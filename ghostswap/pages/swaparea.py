"""The slots of an existing swap area: every page of it but the header and the bad ones."""

from ghostswap.pages.layout import Extent, Layout, ReadAt
from ghostswap.pages.source import SourceKind

_MAGIC = b"SWAPSPACE2"
_WARNING = (
    "is a swap area: slots that are not in use are counted too, for nothing tells them; and of a "
    "swapfile made with fallocate(1) the file system shows zeros"
)


def is_swap_area(read: ReadAt, page_size: int) -> bool:
    """True when the first page of `page_size` bytes ends as that of a swap area does."""
    return read(page_size - len(_MAGIC), len(_MAGIC)) == _MAGIC


def layout(read: ReadAt, page_size: int) -> Layout:
    """The slots of the swap area that `read` reads; ValueError where its header makes no sense."""
    from ghostswap.swapfile.header import parse

    header = parse(read(0, page_size))
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
    if len(read(page_size, 1)) == 0:
        raise ValueError("is a ghost swap area: it has a header and holds no pages")
    return Layout(SourceKind.SWAP_AREA, extents, (_WARNING,))


def _slots(begin: int, end: int, page_size: int) -> Extent:
    length = (end - begin) * page_size
    return Extent(begin * page_size, length, 0, length)
