"""Which kind of dump begins with these bytes, and where the memory in it is."""

from ghostswap.pages import elfcore, lime, swaparea
from ghostswap.pages.layout import Extent, Layout, ReadAt
from ghostswap.pages.source import SourceKind

# Raw pages go on until the bytes end: more than any file has.
_TO_THE_END = 1 << 62
RAW = Layout(SourceKind.RAW, (Extent(0, _TO_THE_END, 0, _TO_THE_END),))


# makedumpfile(8): dumps of a machine that need another tool to be read.
_CONVERT = {
    b"KDUMP   ": "is a kdump-compressed dump; turn it into ELF first: makedumpfile -E THIS NEW",
    b"makedumpfile\0": "is a flattened kdump; put it in order first: makedumpfile -R NEW < THIS",
}


def identify(read: ReadAt, size: int | None, page_size: int) -> Layout:
    """The layout of the dump that `read` reads; RAW where nothing tells that it is another kind.

    `size`, in bytes, is None where it is not known and only the beginning can be read. Raises
    ValueError with the reason when the dump is damaged or of a kind that is not supported.
    """
    start = read(0, elfcore.HEADER_BYTES)
    if elfcore.is_core(start):
        return elfcore.parse(read, size)
    if lime.is_lime(start):
        return lime.layout(read)
    for magic, advice in _CONVERT.items():
        if start.startswith(magic):
            raise ValueError(advice)
    if swaparea.is_swap_area(read, page_size):
        return swaparea.layout(read, page_size)
    return RAW
