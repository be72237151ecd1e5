"""The system's LZO library, liblzo2: no Python package of it comes ready to install."""

import ctypes
from ctypes.util import find_library
from dataclasses import dataclass
from typing import Any

_WORK_BYTES = 32768 * ctypes.sizeof(ctypes.c_void_p)  # LZO1X_1_15_MEM_COMPRESS, lzo1x.h
_OK = 0
_NAMES = ("liblzo2.so.2", "liblzo2.so")


@dataclass(frozen=True, slots=True)
class Lzo:
    """LZO1X-1(15), from which the kernel's lzo was made: on a page, the two give the same bytes.

    (LZO1X-1, with a smaller dictionary, gives 0.1 to 0.2 % less.) `library` is the loaded liblzo2.
    """

    library: Any
    work: Any

    def compress(self, page: memoryview, scratch: bytearray) -> int:
        """The payload's length in bytes, having left it at the start of `scratch`."""
        length = ctypes.c_size_t()
        status = self.library.lzo1x_1_15_compress(
            ctypes.byref(ctypes.c_char.from_buffer(page)),
            len(page),
            ctypes.byref(ctypes.c_char.from_buffer(scratch)),
            ctypes.byref(length),
            self.work,
        )
        assert status == _OK  # lzo1x_1_15_compress() has no way to fail
        return length.value

    def decompress(self, payload: memoryview, page: bytearray) -> object:
        """Restore the page."""
        length = ctypes.c_size_t(len(page))
        return self.library.lzo1x_decompress_safe(
            ctypes.byref(ctypes.c_char.from_buffer(payload)),
            len(payload),
            ctypes.byref(ctypes.c_char.from_buffer(page)),
            ctypes.byref(length),
            None,
        )


def load() -> Lzo | None:
    """The library; None when it is not installed."""
    for name in (*_NAMES, find_library("lzo2")):
        if name is None:
            continue
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return Lzo(library, ctypes.create_string_buffer(_WORK_BYTES))
    return None
