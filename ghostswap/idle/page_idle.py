"""Watching pages by /sys/kernel/mm/page_idle/bitmap (CONFIG_IDLE_PAGE_TRACKING).

A bit per frame, in words of 64. Setting it marks the page idle; the kernel clears it when the page
is accessed, and looks for that in the page tables when the word is read. Reclaim is told what was
accessed meanwhile (PG_young), so that watching spares no page and dooms none.

Source: Documentation/admin-guide/mm/idle_page_tracking.rst; mm/page_idle.c (Linux 6.12).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.idle.answer import Answer

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_BITMAP = "sys/kernel/mm/page_idle/bitmap"
_WORD_BYTES = 8
_WORD_BITS = 64


def there(root: Path) -> bool:
    """Whether the host has the bitmap."""
    return (root / _BITMAP).exists()


@contextmanager
def watch(root: Path, frames: U64, page_size: int, interval: float) -> Iterator["BitmapWatch"]:
    """Mark `frames` idle and watch them; nothing is left behind but marks, which mean nothing to
    the kernel itself. Raises GhostswapError where the bitmap cannot be used."""
    place = root / _BITMAP
    try:
        fd = os.open(place, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise GhostswapError(place, f"{os_reason(error)}; --idle needs root") from None
    try:
        yield BitmapWatch(fd, frames)
    except OSError as error:
        raise GhostswapError(place, os_reason(error)) from None
    finally:
        os.close(fd)


class BitmapWatch:
    """Frames whose marks are looked at again and again."""

    def __init__(self, fd: int, frames: U64) -> None:
        self._fd = fd
        self._words, self._word_of = np.unique(frames // _WORD_BITS, return_inverse=True)
        self._bit = np.left_shift(np.uint64(1), frames % _WORD_BITS)
        # Words behind each other are read, or written, by one call.
        self._begins = np.flatnonzero(np.diff(self._words.astype(np.int64), prepend=-2) != 1)
        length = np.diff(self._begins, append=len(self._words)) * _WORD_BYTES
        offset = self._words[self._begins].astype(np.int64) * _WORD_BYTES
        self._calls = list(zip(offset.tolist(), length.tolist(), strict=True))
        self._mark(np.ones(len(frames), dtype=np.bool_))
        self._begin = time.monotonic()
        self._touched = np.full(len(frames), self._begin)  # when each was last seen to be

    def look(self) -> None:
        """Read the marks, and set again those that are gone."""
        # The bitmap may end before a word: memory that was taken out of the machine.
        read = b"".join(
            os.pread(self._fd, length, offset).ljust(length, b"\0")
            for offset, length in self._calls
        )
        now = time.monotonic()
        accessed = (np.frombuffer(read, dtype=np.uint64)[self._word_of] & self._bit) == 0
        self._touched[accessed] = now
        self._mark(accessed)

    def answer(self) -> Answer:
        """Since the look that last found each accessed, or since the beginning; this looks once
        more."""
        now = time.monotonic()
        self.look()
        return Answer(np.maximum(now - self._touched, 0.0), now - self._begin)

    def kernel_seconds(self) -> float:
        """The kernel does its work inside our own reads and writes."""
        return 0.0

    def _mark(self, which: Bools) -> None:
        words = np.zeros(len(self._words), dtype=np.uint64)
        np.bitwise_or.at(words, self._word_of[which], self._bit[which])
        bits = words.tobytes()
        for call in np.flatnonzero(np.bitwise_or.reduceat(words, self._begins)).tolist():
            (offset, length), begin = self._calls[call], int(self._begins[call]) * _WORD_BYTES
            os.pwrite(self._fd, bits[begin : begin + length], offset)
