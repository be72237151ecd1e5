"""Compresses pages with every algorithm asked for, and keeps the time that each takes."""

from collections.abc import Sequence
from itertools import repeat
from time import thread_time_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.codecs import Codec, scratch_bytes
from ghostswap.census.table import Cost

# The cost of decompression is measured on every 64th page, and that of compression too where a
# model says what comes of it.
TIMED_EVERY = 64
DECOMPRESS_REPEATS = 4


# What is added up of the time that each algorithm takes, in this order: ns, and of how many pages.
_COMPRESS_NS, _COMPRESS_PAGES, _DECOMPRESS_NS, _DECOMPRESS_PAGES = range(4)


class Compressed(NamedTuple):
    """Compressed bytes, a row an algorithm and a column a page; and the time that took, a column
    an algorithm, as no_time() has it."""

    sizes: NDArray[np.uint32]
    time: NDArray[np.int64]


def no_time(algorithms: int) -> NDArray[np.int64]:
    """The times of so many algorithms before any page: such arrays are added up."""
    return np.zeros((_DECOMPRESS_PAGES + 1, algorithms), dtype=np.int64)


def cost_of(codec: Codec, time: NDArray[np.int64]) -> Cost | None:
    """The cost of the codec, of which `time` is the column; None where its time says nothing."""
    if codec.decompress is None or not time[_DECOMPRESS_PAGES]:
        return None
    compress_ns = float(time[_COMPRESS_NS] / time[_COMPRESS_PAGES])
    decompress_ns = float(time[_DECOMPRESS_NS] / time[_DECOMPRESS_PAGES])
    return Cost(
        max(compress_ns - codec.compress_overhead_ns, 0.0),
        max(decompress_ns - codec.decompress_overhead_ns, 0.0),
    )


class Compressor:
    """Takes pages a few at a time, and gives what became of all of them at once.

    Times are those of this thread, so that a busy machine does not make an algorithm slow.
    """

    def __init__(self, codecs: Sequence[Codec], page_size: int) -> None:
        self._codecs = codecs
        self._page_size = page_size
        self._scratch = bytearray(scratch_bytes(page_size))
        self._restored = bytearray(page_size)
        self._until_timed = 0
        self._start()

    def _start(self) -> None:
        self._lengths: list[list[NDArray[np.uint32]]] = [[] for _ in self._codecs]
        self._time = no_time(len(self._codecs))

    def add(self, memory: memoryview, numbers: NDArray[np.int64]) -> None:
        """Compress each of the pages `numbers` of this memory with each algorithm."""
        offsets = numbers * self._page_size
        timed = self._pages(memory, offsets[self._until_timed :: TIMED_EVERY])
        self._until_timed = (self._until_timed - len(numbers)) % TIMED_EVERY
        for row, codec in enumerate(self._codecs):
            if codec.lengths is None:
                lengths = self._compress(row, codec, self._pages(memory, offsets))
            else:
                lengths = codec.lengths(memory, offsets, self._page_size)
                if codec.decompress is not None:
                    self._compress(row, codec, timed)
            self._lengths[row].append(lengths)
            if codec.decompress is not None:
                for page in timed:
                    self._decompress(row, codec, page)

    def _pages(self, memory: memoryview, offsets: NDArray[np.int64]) -> list[memoryview]:
        size = self._page_size
        return [memory[at : at + size] for at in offsets.tolist()]

    def _compress(self, row: int, codec: Codec, pages: list[memoryview]) -> NDArray[np.uint32]:
        begin = thread_time_ns()
        # map, not a comprehension: 4 µs a page for lz4, of which Python takes 0.1.
        lengths = np.fromiter(map(codec.compress, pages, repeat(self._scratch)), dtype=np.uint32)
        self._time[_COMPRESS_NS, row] += thread_time_ns() - begin
        self._time[_COMPRESS_PAGES, row] += len(pages)
        return lengths

    def _decompress(self, row: int, codec: Codec, page: memoryview) -> None:
        assert codec.decompress is not None
        payload = memoryview(self._scratch)[: codec.compress(page, self._scratch)]
        # Reading this clock takes 0.4 µs, of which a repeated call pays little.
        begin = thread_time_ns()
        for _ in range(DECOMPRESS_REPEATS):
            codec.decompress(payload, self._restored)
        self._time[_DECOMPRESS_NS, row] += (thread_time_ns() - begin) // DECOMPRESS_REPEATS
        self._time[_DECOMPRESS_PAGES, row] += 1

    def take(self) -> Compressed:
        """What became of the pages added since the last time, in their order."""
        nothing = np.empty(0, dtype=np.uint32)
        lengths = np.stack([np.concatenate([nothing, *row]) for row in self._lengths])
        taken = Compressed(np.minimum(lengths, self._page_size + 1), self._time)
        self._start()
        return taken
