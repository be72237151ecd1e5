"""Compresses pages with every algorithm asked for, and keeps the time that each takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from time import thread_time_ns

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.codecs import Codec, scratch_bytes

# The cost of decompression is measured on every 64th page compressed.
DECOMPRESS_EVERY = 64
DECOMPRESS_REPEATS = 4


@dataclass(frozen=True, slots=True)
class Compressed:
    """Compressed bytes, a row an algorithm and a column a page; and what it cost."""

    sizes: NDArray[np.uint32]
    compress_ns: NDArray[np.int64]  # summed over the pages, per algorithm
    decompress_ns: NDArray[np.int64]
    decompressed: int  # pages


class Compressor:
    """Takes pages a few at a time, and gives what became of all of them at once.

    Times are those of this thread, so that a busy machine does not make an algorithm slow.
    """

    def __init__(self, codecs: Sequence[Codec], page_size: int) -> None:
        self._codecs = codecs
        self._page_size = page_size
        self._scratch = bytearray(scratch_bytes(page_size))
        self._restored = bytearray(page_size)
        self._until_decompress = 0
        self._start()

    def _start(self) -> None:
        self._lengths: list[list[int]] = [[] for _ in self._codecs]
        self._compress_ns = [0] * len(self._codecs)
        self._decompress_ns = [0] * len(self._codecs)
        self._decompressed = 0

    def add(self, pages: Sequence[memoryview]) -> None:
        """Compress each page with each algorithm."""
        sampled = pages[self._until_decompress :: DECOMPRESS_EVERY]
        self._until_decompress = (self._until_decompress - len(pages)) % DECOMPRESS_EVERY
        self._decompressed += len(sampled)
        for row, codec in enumerate(self._codecs):
            begin = thread_time_ns()
            # map, not a comprehension: 4 µs a page for lz4, of which Python takes 0.1.
            self._lengths[row] += map(codec.compress, pages, repeat(self._scratch))
            self._compress_ns[row] += thread_time_ns() - begin
            if codec.decompress is not None:
                for page in sampled:
                    self._decompress(row, codec, page)

    def _decompress(self, row: int, codec: Codec, page: memoryview) -> None:
        assert codec.decompress is not None
        payload = memoryview(self._scratch)[: codec.compress(page, self._scratch)]
        # Reading this clock takes 0.4 µs, of which a repeated call pays little.
        begin = thread_time_ns()
        for _ in range(DECOMPRESS_REPEATS):
            codec.decompress(payload, self._restored)
        self._decompress_ns[row] += (thread_time_ns() - begin) // DECOMPRESS_REPEATS

    def take(self) -> Compressed:
        """What became of the pages added since the last time, in their order."""
        pages = len(self._lengths[0]) if self._lengths else 0
        lengths = np.array(self._lengths, dtype=np.uint32).reshape(len(self._codecs), pages)
        taken = Compressed(
            np.minimum(lengths, self._page_size + 1),
            np.array(self._compress_ns, dtype=np.int64),
            np.array(self._decompress_ns, dtype=np.int64),
            self._decompressed,
        )
        self._start()
        return taken
