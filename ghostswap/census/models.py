"""The kernel's lz4 and lzo-rle as models in C, lz4.c and lzorle.c, compiled by hatch_build.py where
it can: how many bytes each makes of pages, and nothing of what those bytes are."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

_LIBRARY = Path(__file__).with_name("_models.so")
_NAMES = {"lz4": "lz4_lengths", "lzo-rle": "lzo_rle_lengths"}
_ARGUMENTS = (
    ctypes.c_void_p,  # memory
    ctypes.c_size_t,  # page size
    ctypes.c_void_p,  # offsets
    ctypes.c_size_t,  # how many of them
    ctypes.c_void_p,  # lengths, filled in
)

Lengths = Callable[[memoryview, I64, int], NDArray[np.uint32]]
"""From memory, the offsets at which pages begin in it, and the page size (all in bytes) to the
length of each page's payload; ValueError where a page does not lie in that memory."""


def load(name: str) -> Lengths | None:
    """The model of the algorithm called `name`; None where the library was not compiled, or not for
    this machine."""
    try:
        function = getattr(ctypes.CDLL(str(_LIBRARY)), _NAMES[name])
    except (OSError, AttributeError):
        return None
    function.argtypes, function.restype = _ARGUMENTS, None

    def lengths(memory: memoryview, offsets: I64, page_size: int) -> NDArray[np.uint32]:
        return _called(function, memory, offsets, page_size)

    return lengths


def _called(function: Any, memory: memoryview, offsets: I64, page_size: int) -> NDArray[np.uint32]:
    lengths = np.empty(len(offsets), dtype=np.uint32)
    if not len(offsets):
        return lengths
    if offsets.min() < 0 or offsets.max() > len(memory) - page_size:
        raise ValueError("a page lies outside of the memory")
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    pages = np.frombuffer(memory, dtype=np.uint8)
    function(pages.ctypes.data, page_size, offsets.ctypes.data, len(offsets), lengths.ctypes.data)
    return lengths
