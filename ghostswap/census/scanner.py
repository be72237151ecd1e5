"""What one worker of a scan does: read pages into a buffer of its own, hash and compress them."""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import thread_time_ns

import numpy as np
import xxhash
from numpy.typing import NDArray

from ghostswap.census.codecs import Codec, scratch_bytes
from ghostswap.census.distinct import first_of_each
from ghostswap.census.slots import Slots
from ghostswap.census.table import I64, U64, Bools
from ghostswap.pages.source import Reader, Source, Stream

# What a worker reads, hashes and compresses at once: in the second-level cache of most machines.
BATCH_BYTES = 1 << 20
# The cost of decompression is measured on every 64th page compressed.
DECOMPRESS_EVERY = 64
DECOMPRESS_REPEATS = 4
# Rows chosen for compression that lie this near are read by one call, with the pages between.
READ_GAP = 4


@dataclass(frozen=True, slots=True)
class Hash:
    """Hash pages `first` … of source number `source`; compress new contents too if `compress`."""

    source: int
    first: int
    pages: int
    compress: bool


@dataclass(frozen=True, slots=True)
class HashSlot:
    """Hash and compress the pages in a slot: pages `first` … of stream number `source`."""

    source: int
    first: int
    pages: int
    slot: int


@dataclass(frozen=True, slots=True)
class Compress:
    """Compress the pages of these numbers (ascending) of source number `source`."""

    source: int
    pages: I64


@dataclass(frozen=True, slots=True)
class Compressed:
    """Compressed bytes, a row an algorithm and a column a page; and what it cost."""

    sizes: NDArray[np.uint32]
    compress_ns: NDArray[np.int64]  # summed over the pages, per algorithm
    decompress_ns: NDArray[np.int64]
    decompressed: int  # pages


@dataclass(frozen=True, slots=True)
class Hashes:
    """What a Hash task found: a hash a page, and hashes that belong to same-filled pages."""

    hash: U64
    had: Bools
    same_filled: U64
    new: U64  # hashes of the contents compressed here
    compressed: Compressed


@dataclass(frozen=True, slots=True)
class Shared:
    """Memory that all workers and their parent see.

    `seen` holds hashes of contents already compressed, a slot for many hashes; `slots` the pages of
    streams; `cutoff`, one number, the largest hash that is still in the sample (the largest hash of
    all, without one).
    """

    seen: U64
    slots: Slots
    cutoff: U64

    @classmethod
    def made(cls, pages_read_once: int, slots: Slots) -> "Shared":
        """Shared memory for so many pages: 4 to 8 bytes each."""
        number = 1 << max(pages_read_once // 2, 1).bit_length()
        seen = np.frombuffer(mmap.mmap(-1, number * 8), dtype=np.uint64)
        cutoff = np.frombuffer(mmap.mmap(-1, 8), dtype=np.uint64)
        cutoff[0] = np.iinfo(np.uint64).max
        return cls(seen, slots, cutoff)


class Scanner:
    """What one worker does: it reads pages into a buffer of its own and answers tasks."""

    def __init__(
        self,
        sources: Sequence[Source | Stream],
        page_size: int,
        codecs: Sequence[Codec],
        seed: int,
        shared: "Shared",
    ) -> None:
        self._sources = sources
        self._page_size = page_size
        self._codecs = codecs
        self._seed = seed
        self._slots = shared.slots
        self._seen = shared.seen
        self._cutoff = shared.cutoff
        self._zero = xxhash.xxh3_64_intdigest(bytes(page_size), seed)
        self._batch = max(BATCH_BYTES // page_size, 1)
        self._buffer = memoryview(mmap.mmap(-1, self._batch * page_size))
        self._pages = self._cut(self._buffer)
        self._scratch = bytearray(scratch_bytes(page_size))
        self._restored = bytearray(page_size)
        self._until_decompress = 0
        self._reader: tuple[int, Reader] | None = None

    def __call__(self, task: Hash | HashSlot | Compress) -> Hashes | Compressed:
        if isinstance(task, HashSlot):
            pages = self._slots.buffer(task.slot)[: task.pages * self._page_size]
            had = np.ones(task.pages, dtype=np.bool_)
            return self._hash_batch(pages, self._cut(pages), had, compress=True)
        reader = self._open(task.source)
        if isinstance(task, Compress):
            return self._compress_pages(reader, task.pages)
        parts = []
        for first in range(task.first, task.first + task.pages, self._batch):
            count = min(self._batch, task.first + task.pages - first)
            pages = self._buffer[: count * self._page_size]
            had = reader.read(first, count, pages)
            parts.append(self._hash_batch(pages, self._pages[:count], had, task.compress))
        return Hashes(
            np.concatenate([part.hash for part in parts]),
            np.concatenate([part.had for part in parts]),
            first_of_each(np.concatenate([part.same_filled for part in parts]))[0],
            np.concatenate([part.new for part in parts]),
            _join([part.compressed for part in parts]),
        )

    def _open(self, source: int) -> Reader:
        """The reader of the source; tasks come in order, so the last one is nearly always it."""
        if self._reader is None or self._reader[0] != source:
            if self._reader is not None:
                self._reader[1].close()
            opened = self._sources[source]
            assert isinstance(opened, Source)
            self._reader = (source, opened.open())
        return self._reader[1]

    def _cut(self, buffer: memoryview) -> list[memoryview]:
        """The pages of a buffer."""
        size = self._page_size
        return [buffer[at : at + size] for at in range(0, len(buffer), size)]

    def _hash_batch(
        self, buffer: memoryview, pages: list[memoryview], had: Bools, compress: bool
    ) -> Hashes:
        digests = map(xxhash.xxh3_64_intdigest, pages, repeat(self._seed))
        hashes = np.fromiter(digests, dtype=np.uint64, count=len(pages))
        words = np.frombuffer(buffer, dtype=np.uint64).reshape(len(pages), -1)
        # As the kernel's page_same_filled() does: the last word first, which nearly always differs.
        alike = np.flatnonzero((words[:, 0] == words[:, -1]) & had & (hashes != self._zero))
        same = alike[(words[alike] == words[alike, :1]).all(axis=1)]
        chosen = self._unseen(hashes, had) if compress else np.empty(0, dtype=np.int64)
        sizes = self._compress([pages[i] for i in chosen])
        return Hashes(hashes, had, hashes[same], hashes[chosen], sizes)

    def _unseen(self, hashes: U64, had: Bools) -> I64:
        """Which rows of a batch hold contents of the sample that no worker has compressed yet.

        The table has one slot for many hashes, so an overwritten entry costs a second compression,
        and never an omission.
        """
        wanted = np.flatnonzero(had & (hashes != self._zero) & (hashes <= self._cutoff[0]))
        rows = wanted[first_of_each(hashes[wanted])[1]]
        slots = hashes[rows] & np.uint64(len(self._seen) - 1)
        unseen = self._seen[slots] != hashes[rows]
        self._seen[slots[unseen]] = hashes[rows[unseen]]
        chosen: I64 = rows[unseen]
        return chosen

    def _compress_pages(self, reader: Reader, pages: I64) -> Compressed:
        """Read neighbours by one call each, one group behind the other, and compress by batches."""
        parts: list[Compressed] = []
        chosen: list[memoryview] = []
        had: list[Bools] = []
        used = 0

        def flush() -> None:
            nonlocal used
            part = self._compress(chosen)
            part.sizes[:, ~np.concatenate(had)] = 0
            parts.append(part)
            chosen.clear()
            had.clear()
            used = 0

        for group in _neighbours(pages, self._batch):
            first, span = group[0], group[-1] - group[0] + 1
            if used + span > self._batch:
                flush()
            into = self._buffer[used * self._page_size : (used + span) * self._page_size]
            read = reader.read(first, span, into)
            places = [page - first for page in group]
            chosen += [self._pages[used + place] for place in places]
            had.append(read[places])
            used += span
        flush()
        return _join(parts)

    def _compress(self, pages: list[memoryview]) -> Compressed:
        """Compress each page with each algorithm."""
        shape = (len(self._codecs), len(pages))
        sizes = np.zeros(shape, dtype=np.uint32)
        compress_ns = np.zeros(len(self._codecs), dtype=np.int64)
        decompress_ns = np.zeros(len(self._codecs), dtype=np.int64)
        sampled = pages[self._until_decompress :: DECOMPRESS_EVERY]
        for row, codec in enumerate(self._codecs):
            begin = thread_time_ns()
            # map, not a comprehension: 7 µs a page for lz4, of which Python takes 0.1.
            lengths = list(map(codec.compress, pages, repeat(self._scratch)))
            compress_ns[row] = thread_time_ns() - begin
            sizes[row] = np.minimum(lengths, self._page_size + 1)
            decompress_ns[row] = sum(self._decompress_ns(codec, page) for page in sampled)
        self._until_decompress = (self._until_decompress - len(pages)) % DECOMPRESS_EVERY
        return Compressed(sizes, compress_ns, decompress_ns, len(sampled))

    def _decompress_ns(self, codec: Codec, page: memoryview) -> int:
        if codec.decompress is None:
            return 0
        length = codec.compress(page, self._scratch)
        payload = memoryview(self._scratch)[:length]
        # Time of this thread, so that a busy machine does not make an algorithm slow; reading that
        # clock takes 0.4 µs, of which a repeated call pays little.
        begin = thread_time_ns()
        for _ in range(DECOMPRESS_REPEATS):
            codec.decompress(payload, self._restored)
        return (thread_time_ns() - begin) // DECOMPRESS_REPEATS


def _neighbours(pages: I64, most: int) -> Iterator[list[int]]:
    """`pages`, ascending, cut into groups that one read of at most `most` pages covers well."""
    group: list[int] = []
    for page in pages.tolist():
        if group and (page - group[-1] > READ_GAP or page - group[0] >= most):
            yield group
            group = []
        group.append(page)
    yield group


def _join(parts: Sequence[Compressed]) -> Compressed:
    return Compressed(
        np.concatenate([part.sizes for part in parts], axis=1),
        np.sum([part.compress_ns for part in parts], axis=0),
        np.sum([part.decompress_ns for part in parts], axis=0),
        sum(part.decompressed for part in parts),
    )
