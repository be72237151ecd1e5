"""What ghostswap.census.lzorle does, by lzorle.c, which hatch_build.py compiles where it can."""

import ctypes
from pathlib import Path

from ghostswap.census.codecs import Compress

_LIBRARY = Path(__file__).with_name("_lzorle.so")


def load() -> Compress | None:
    """A function from a page to the length of what lzo-rle makes of it, in bytes; None where the
    library was not compiled, or not for this machine."""
    try:
        lzo_rle_bytes = ctypes.CDLL(str(_LIBRARY)).lzo_rle_bytes
    except (OSError, AttributeError):
        return None
    lzo_rle_bytes.restype = ctypes.c_size_t

    def compress(page: memoryview, scratch: bytearray) -> int:
        length: int = lzo_rle_bytes(
            ctypes.byref(ctypes.c_char.from_buffer(page)), ctypes.c_size_t(len(page))
        )
        return length

    return compress
