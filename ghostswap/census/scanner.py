"""What one worker of a scan does: read pages into a buffer of its own, hash and compress them."""

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

import numpy as np
import xxhash

from ghostswap.arrays import first_of_each
from ghostswap.census.codecs import Codec
from ghostswap.census.compressor import Compressed, Compressor
from ghostswap.census.distinct import concatenated
from ghostswap.census.page_buffers import PageBuffers
from ghostswap.census.table import I64, U64, Bools
from ghostswap.pages.source import Reader, Source, Stream
from ghostswap.pulse import Pulse

# What a worker reads, hashes and compresses at once: short enough to be in a cache still, and long
# enough that Python's steps from batch to batch take little.
BATCH_BYTES = 2 << 20
# Rows chosen for compression that lie this near are read by one call, with the pages between.
READ_GAP = 4
_FEWEST_SEEN = 1 << 17  # places for contents already compressed


# Tasks and results are named tuples: pickled, those take a third of a dataclass's time.


class Hash(NamedTuple):
    """Hash pages `first` … of source number `source`, and compress those new contents that the
    cutoff lets through: the one for pages that can be read `again`, or that for all others."""

    source: int
    first: int
    pages: int
    again: bool


class HashBuffer(NamedTuple):
    """Hash and compress the pages in a buffer: pages `first` … of stream number `source`."""

    source: int
    first: int
    pages: int
    buffer: int


class Compress(NamedTuple):
    """Compress the pages of these numbers (ascending) of source number `source`."""

    source: int
    pages: I64


class Hashes(NamedTuple):
    """What a Hash task found: a hash a page, and hashes that belong to same-filled pages."""

    hash: U64
    readable: Bools
    same_filled: U64
    new: U64  # hashes of the contents compressed here
    compressed: Compressed
    swapped_in: int  # pages that were brought back from swap by reading them


@dataclass(frozen=True, slots=True)
class Shared:
    """Memory that all workers and their parent see.

    `seen` holds hashes of contents already compressed, a place for many hashes; `buffers` the
    pages of streams; `cutoff` the largest hash that is still compressed while it is hashed, of
    pages that come once ([0]) and of those that can be read again ([1]).
    """

    seen: U64
    buffers: PageBuffers
    cutoff: U64

    @classmethod
    def made(cls, pages_read_once: int, buffers: PageBuffers) -> "Shared":
        """Shared memory for so many pages: 4 to 8 bytes each, 1 MiB at least."""
        number = 1 << max(pages_read_once // 2, _FEWEST_SEEN - 1).bit_length()
        seen = np.frombuffer(mmap.mmap(-1, number * 8), dtype=np.uint64)
        cutoff = np.frombuffer(mmap.mmap(-1, 16), dtype=np.uint64)
        cutoff[:] = np.iinfo(np.uint64).max
        return cls(seen, buffers, cutoff)


class Scanner:
    """What one worker does: it reads pages into a buffer of its own and answers tasks."""

    def __init__(
        self,
        sources: Sequence[Source | Stream],
        page_size: int,
        codecs: Sequence[Codec],
        seed: int,
        shared: "Shared",
        pulse: Pulse,
    ) -> None:
        self._sources = sources
        self._page_size = page_size
        self._codecs = codecs
        self._seed = seed
        self._buffers = shared.buffers
        self._seen = shared.seen
        self._cutoff = shared.cutoff
        self._pulse = pulse
        # Around what reads: a slow disk is waited for, a process that hangs is not.
        self._guard: AbstractContextManager[None] = nullcontext()
        self._zero = xxhash.xxh3_64_intdigest(bytes(page_size), seed)
        self._batch = max(BATCH_BYTES // page_size, 1)
        self._buffer = memoryview(mmap.mmap(-1, self._batch * page_size))
        self._pages = self._cut(self._buffer)
        self._compressor = Compressor(codecs, page_size)
        self._reader: tuple[int, Reader] | None = None

    def __call__(self, task: Hash | HashBuffer | Compress) -> Hashes | Compressed:
        if isinstance(task, Hash):
            return self._hash_pages(self._open(task.source), task)
        if isinstance(task, Compress):
            return self._compress_pages(self._open(task.source), task.pages)
        buffer = self._buffers.buffer(task.buffer)[: task.pages * self._page_size]
        hashed = _HashedPages(task.pages)
        hashed.readable[:] = True
        self._hash_batch(buffer, self._cut(buffer), 0, hashed, again=False)
        return hashed.hashes(self._compressor.take())

    def _hash_pages(self, reader: Reader, task: Hash) -> Hashes:
        hashed, before = _HashedPages(task.pages), reader.swapped_in
        for at in range(0, task.pages, self._batch):
            count = min(self._batch, task.pages - at)
            buffer = self._buffer[: count * self._page_size]
            with self._guard:
                hashed.readable[at : at + count] = reader.read(task.first + at, count, buffer)
            self._hash_batch(buffer, self._pages[:count], at, hashed, task.again)
        hashed.swapped_in = reader.swapped_in - before
        return hashed.hashes(self._compressor.take())

    def _open(self, source: int) -> Reader:
        """The reader of the source; tasks come in order, so the last one is nearly always it."""
        if self._reader is None or self._reader[0] != source:
            if self._reader is not None:
                self._reader[1].close()
            opened = self._sources[source]
            assert isinstance(opened, Source)
            self._guard = nullcontext() if opened.stable else self._pulse
            with self._guard:
                self._reader = (source, opened.open())
        return self._reader[1]

    def _cut(self, buffer: memoryview) -> list[memoryview]:
        """The pages of a buffer."""
        size = self._page_size
        return [buffer[at : at + size] for at in range(0, len(buffer), size)]

    def _hash_batch(
        self,
        buffer: memoryview,
        pages: list[memoryview],
        at: int,
        hashed: "_HashedPages",
        again: bool,
    ) -> None:
        """Put what the pages in `buffer` are into rows `at` … of `hashed`."""
        hashes, readable = (
            hashed.hash[at : at + len(pages)],
            hashed.readable[at : at + len(pages)],
        )
        # A third of the call is for the seed, which is mostly the one that need not be given.
        seeds = (repeat(self._seed),) if self._seed else ()
        digests = map(xxhash.xxh3_64_intdigest, pages, *seeds)
        hashes[:] = np.fromiter(digests, dtype=np.uint64, count=len(pages))
        words = np.frombuffer(buffer, dtype=np.uint64).reshape(len(pages), -1)
        # As the kernel's page_same_filled() does: the last word first, which nearly always differs.
        alike = words[:, 0] == words[:, -1]
        # The hash of a zero page is like any other, but most pages may have it.
        data = hashes != self._zero
        data &= readable
        alike &= data
        (same,) = alike.nonzero()
        if len(same):
            same = same[(words[same] == words[same, :1]).all(axis=1)]
            hashed.same_filled.append(hashes[same])
        low = hashes <= self._cutoff[int(again)]
        low &= data
        low[same] = True
        self._compress_unseen(hashes, buffer, low.nonzero()[0], hashed)

    def _compress_unseen(
        self, hashes: U64, buffer: memoryview, rows: I64, hashed: "_HashedPages"
    ) -> None:
        """Compress what these rows of a batch hold and no worker has compressed yet.

        The table has one place for many hashes, so an overwritten entry costs a second compression,
        and never an omission.
        """
        if not len(rows):
            return
        new, first = first_of_each(hashes[rows])
        places = new & np.uint64(len(self._seen) - 1)
        unseen = self._seen[places] != new
        self._seen[places[unseen]] = new[unseen]
        hashed.new.append(new[unseen])
        self._compressor.add(buffer, rows[first[unseen]])

    def _compress_pages(self, reader: Reader, pages: I64) -> Compressed:
        """Read neighbours by one call each, one group behind the other, and compress by batches."""
        batch: list[int] = []
        readable: list[Bools] = []
        used = 0
        for group in _neighbours(pages, self._batch):
            first, span = group[0], group[-1] - group[0] + 1
            if used + span > self._batch:
                self._compressor.add(self._buffer, np.array(batch))
                batch, used = [], 0
            into = self._buffer[used * self._page_size : (used + span) * self._page_size]
            read = reader.read(first, span, into)
            if span == len(group):
                batch += range(used, used + span)
                readable.append(read)
            else:
                places = [page - first for page in group]
                batch += [used + place for place in places]
                readable.append(read[places])
            used += span
        self._compressor.add(self._buffer, np.array(batch))
        compressed = self._compressor.take()
        compressed.sizes[:, ~np.concatenate(readable)] = 0
        return compressed


class _HashedPages:
    """What a task finds, row by row."""

    def __init__(self, pages: int) -> None:
        self.hash = np.zeros(pages, dtype=np.uint64)
        self.readable = np.zeros(pages, dtype=np.bool_)
        self.same_filled: list[U64] = []
        self.new: list[U64] = []
        self.swapped_in = 0

    def hashes(self, compressed: Compressed) -> Hashes:
        """All of it."""
        return Hashes(
            self.hash,
            self.readable,
            first_of_each(concatenated(self.same_filled))[0],
            concatenated(self.new),
            compressed,
            self.swapped_in,
        )


def _neighbours(pages: I64, most: int) -> Iterator[list[int]]:
    """`pages`, ascending, cut into groups that one read of at most `most` pages covers well."""
    numbers = pages.tolist()
    cuts = (np.flatnonzero(pages[1:] - pages[:-1] > READ_GAP) + 1).tolist()
    for begin, end in zip([0, *cuts], [*cuts, len(numbers)], strict=True):
        while begin < end:
            stop = bisect_left(numbers, numbers[begin] + most, begin, end)
            yield numbers[begin:stop]
            begin = stop
