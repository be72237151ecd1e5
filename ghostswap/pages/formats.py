"""Which kind of dump begins with these bytes, and where the memory in it is."""

from ghostswap.pages import elfcore
from ghostswap.pages.layout import Extent, Layout, ReadAt
from ghostswap.pages.source import SourceKind

# Raw pages go on until the bytes end: more than any file has.
_TO_THE_END = 1 << 62
RAW = Layout(SourceKind.RAW, (Extent(0, _TO_THE_END, 0, _TO_THE_END),))


def identify(read: ReadAt, size: int | None) -> Layout:
    """The layout of the dump that `read` reads; RAW where nothing tells that it is another kind.

    `size`, in bytes, is None where it is not known and only the beginning can be read. Raises
    ValueError with the reason when the dump is damaged or of a kind that is not supported.
    """
    if elfcore.is_core(read(0, elfcore.HEADER_BYTES)):
        return elfcore.parse(read, size)
    return RAW
