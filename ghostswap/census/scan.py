"""One scan over all pages of all sources: hash each page, compress each distinct content once.

Pages of a file are hashed first and then, knowing which contents are distinct, the first page of
each is read again and compressed. Pages of a running process are hashed and compressed from one
copy, since they may have changed at a second reading; a table shared by the workers keeps copies
from being compressed again. So are pages that come only once, through a pipe or a decompressor: the
parent puts them into memory that it shares with the workers.
"""

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter_ns

import numpy as np
import xxhash
from numpy.typing import NDArray

from ghostswap.census.codecs import Codec, scratch_bytes
from ghostswap.census.slots import Slots
from ghostswap.census.table import I64, U64, Bools, Census, Contents, Cost, Measured, SourceRows
from ghostswap.census.workers import TASKS_AHEAD, Workers
from ghostswap.pages.source import Reader, Source, Stream

# What a worker reads, hashes and compresses at once: in the second-level cache of most machines.
BATCH_BYTES = 1 << 20
# What one task covers: long enough that its message costs nothing, short enough for progress.
HASH_TASK_BYTES = 8 << 20
COMPRESS_TASK_PAGES = 1024
# The cost of decompression is measured on every 64th page compressed.
DECOMPRESS_EVERY = 64
# Rows chosen for compression that lie this near are read by one call, with the pages between.
READ_GAP = 4
# The table of contents seen in streams, whose length is not known when it is made: 16 MiB.
STREAM_SEEN_SLOTS = 1 << 21

Progress = Callable[[int, int], None]  # (pages done, pages known so far)


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
class Sizes:
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
    sizes: Sizes


class _Scanner:
    """What one worker does: it reads pages into a buffer of its own and answers tasks."""

    def __init__(
        self,
        sources: Sequence[Source | Stream],
        page_size: int,
        codecs: Sequence[Codec],
        seed: int,
        seen: U64,
        slots: Slots,
    ) -> None:
        self._sources = sources
        self._slots = slots
        self._page_size = page_size
        self._codecs = codecs
        self._seed = seed
        self._seen = seen
        self._zero = xxhash.xxh3_64_intdigest(bytes(page_size), seed)
        self._batch = max(BATCH_BYTES // page_size, 1)
        self._buffer = memoryview(mmap.mmap(-1, self._batch * page_size))
        self._pages = self._cut(self._buffer)
        self._scratch = bytearray(scratch_bytes(page_size))
        self._restored = bytearray(page_size)
        self._until_decompress = 0
        self._reader: tuple[int, Reader] | None = None

    def __call__(self, task: Hash | HashSlot | Compress) -> Hashes | Sizes:
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
            np.unique(np.concatenate([part.same_filled for part in parts])),
            np.concatenate([part.new for part in parts]),
            _join([part.sizes for part in parts]),
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
        """Which rows of a batch hold contents that no worker has compressed yet.

        The table has one slot for many hashes, so an overwritten entry costs a second compression,
        and never an omission.
        """
        _, first = np.unique(hashes, return_index=True)
        rows = first[had[first] & (hashes[first] != self._zero)]
        slots = hashes[rows] & np.uint64(len(self._seen) - 1)
        unseen = self._seen[slots] != hashes[rows]
        self._seen[slots[unseen]] = hashes[rows[unseen]]
        chosen: I64 = rows[unseen]
        return chosen

    def _compress_pages(self, reader: Reader, pages: I64) -> Sizes:
        parts: list[Sizes] = []
        for group in _neighbours(pages, self._batch):
            first, span = int(group[0]), int(group[-1] - group[0]) + 1
            had = reader.read(first, span, self._buffer[: span * self._page_size])
            part = self._compress([self._pages[i] for i in group - first])
            part.sizes[:, ~had[group - first]] = 0
            parts.append(part)
        return _join(parts)

    def _compress(self, pages: list[memoryview]) -> Sizes:
        """Compress each page with each algorithm."""
        shape = (len(self._codecs), len(pages))
        sizes = np.zeros(shape, dtype=np.uint32)
        compress_ns = np.zeros(len(self._codecs), dtype=np.int64)
        decompress_ns = np.zeros(len(self._codecs), dtype=np.int64)
        sampled = pages[self._until_decompress :: DECOMPRESS_EVERY]
        for row, codec in enumerate(self._codecs):
            begin = perf_counter_ns()
            # map, not a comprehension: 7 µs a page for lz4, of which Python takes 0.1.
            lengths = list(map(codec.compress, pages, repeat(self._scratch)))
            compress_ns[row] = perf_counter_ns() - begin
            sizes[row] = np.minimum(lengths, self._page_size + 1)
            decompress_ns[row] = sum(self._decompress_ns(codec, page) for page in sampled)
        self._until_decompress = (self._until_decompress - len(pages)) % DECOMPRESS_EVERY
        return Sizes(sizes, compress_ns, decompress_ns, len(sampled))

    def _decompress_ns(self, codec: Codec, page: memoryview) -> int:
        if codec.decompress is None:
            return 0
        length = codec.compress(page, self._scratch)
        payload = memoryview(self._scratch)[:length]
        begin = perf_counter_ns()
        codec.decompress(payload, self._restored)
        return perf_counter_ns() - begin


def _neighbours(pages: I64, most: int) -> Iterator[I64]:
    """`pages`, ascending, cut into groups that one read of at most `most` pages covers well."""
    begin = 0
    for cut in [*(np.flatnonzero(np.diff(pages) > READ_GAP) + 1), len(pages)]:
        group = pages[begin:cut]
        begin = cut
        while len(group):
            fitting = int(np.searchsorted(group, group[0] + most))
            yield group[:fitting]
            group = group[fitting:]


def _join(parts: Sequence[Sizes]) -> Sizes:
    return Sizes(
        np.concatenate([part.sizes for part in parts], axis=1),
        np.sum([part.compress_ns for part in parts], axis=0),
        np.sum([part.decompress_ns for part in parts], axis=0),
        sum(part.decompressed for part in parts),
    )


class _Costs:
    """Time that the workers spent in each algorithm, added up."""

    def __init__(self, algorithms: int) -> None:
        self._compress_ns = np.zeros(algorithms)
        self._decompress_ns = np.zeros(algorithms)
        self._compressed = 0
        self._decompressed = 0

    def add(self, sizes: Sizes) -> None:
        self._compress_ns += sizes.compress_ns
        self._decompress_ns += sizes.decompress_ns
        self._compressed += sizes.sizes.shape[1]
        self._decompressed += sizes.decompressed

    def of(self, algorithm: int, codec: Codec) -> Cost | None:
        """The cost of the codec in this row; None where its time says nothing."""
        if codec.decompress is None or not self._decompressed:
            return None
        compress_ns = float(self._compress_ns[algorithm]) / self._compressed
        decompress_ns = float(self._decompress_ns[algorithm]) / self._decompressed
        return Cost(
            max(compress_ns - codec.compress_overhead_ns, 0.0),
            max(decompress_ns - codec.decompress_overhead_ns, 0.0),
        )


class _Rows:
    """What the first pass found of one source: a row a page, as many as there are or have come."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self._hash = np.zeros(pages, dtype=np.uint64)
        self._had = np.zeros(pages, dtype=np.bool_)

    @property
    def hash(self) -> U64:
        return self._hash[: self.pages]

    @property
    def had(self) -> Bools:
        return self._had[: self.pages]

    def put(self, first: int, found: Hashes) -> None:
        """Place the rows from `first` on, making room where the number was not known."""
        end = first + len(found.hash)
        if end > len(self._hash):
            room = 2 * end - len(self._hash)
            self._hash = np.concatenate([self._hash, np.zeros(room, dtype=np.uint64)])
            self._had = np.concatenate([self._had, np.zeros(room, dtype=np.bool_)])
        self.pages = max(self.pages, end)
        self._hash[first:end] = found.hash
        self._had[first:end] = found.had


def scan(
    sources: Sequence[Source | Stream],
    page_size: int,
    codecs: Sequence[Codec],
    *,
    jobs: int | None = None,
    seed: int = 0,
    progress: Progress = lambda done, known: None,
) -> Census:
    """Read every page of `sources` with `jobs` processes (default: one a usable CPU).

    On KeyboardInterrupt the workers end and what is known so far comes back, marked partial.
    Raises GhostswapError when a source cannot be opened or a worker dies.
    """
    jobs = jobs or len(os.sched_getaffinity(0))
    paged = [source for source in sources if isinstance(source, Source)]
    streams = len(sources) - len(paged)
    once = sum(source.runs.pages for source in paged if not source.stable)
    # One slot for two pages to four: 4 to 8 bytes a page that is read once only.
    seen_slots = max(1 << max(once // 2, 1).bit_length(), STREAM_SEEN_SLOTS if streams else 0)
    seen = np.frombuffer(mmap.mmap(-1, seen_slots * 8), dtype=np.uint64)
    # As many as may be with the workers, one whose result is being taken, and one to fill.
    slots = Slots(jobs * TASKS_AHEAD + 1 if streams else 0, max(BATCH_BYTES, page_size))
    zero = xxhash.xxh3_64_intdigest(bytes(page_size), seed)

    rows = [_Rows(source.runs.pages if isinstance(source, Source) else 0) for source in sources]
    same_filled: list[U64] = []
    known: list[tuple[U64, NDArray[np.uint32]]] = []
    costs = _Costs(len(codecs))
    partial = False

    def prepare() -> _Scanner:
        return _Scanner(sources, page_size, codecs, seed, seen, slots)

    with Workers[Hash | HashSlot | Compress, Hashes | Sizes](jobs, prepare) as workers:
        try:
            done, known_pages = 0, sum(source.runs.pages for source in paged)
            for task, result in workers.map(_hash_tasks(sources, page_size, slots)):
                assert isinstance(task, (Hash, HashSlot))
                assert isinstance(result, Hashes)
                if isinstance(task, HashSlot):
                    slots.give_back(task.slot)
                    known_pages += task.pages
                rows[task.source].put(task.first, result)
                same_filled.append(result.same_filled)
                known.append((result.new, result.sizes.sizes))
                costs.add(result.sizes)
                done += task.pages
                progress(done, known_pages)
        except KeyboardInterrupt:
            partial = True
        first = np.cumsum([0, *(source_rows.pages for source_rows in rows)])
        hashes, had = _joined(rows)
        holes = sum(source.facts.holes for source in sources)
        contents, row_of = _contents(hashes, had, holes, zero, same_filled)
        sizes = _sizes_known(contents, known, len(codecs), page_size)
        known.clear()
        try:
            # After an interruption the workers' pipes still hold answers of the first pass.
            missing = (sizes[0] == 0) & ~contents.zero & (not partial)
            todo = np.flatnonzero(missing)
            todo = todo[np.argsort(row_of[todo])]
            chosen_rows = row_of[todo]
            known_pages += len(todo)
            for task, result in workers.map(_compress_tasks(chosen_rows, first)):
                assert isinstance(task, Compress)
                assert isinstance(result, Sizes)
                at = np.searchsorted(chosen_rows, task.pages + first[task.source])
                sizes[:, todo[at]] = result.sizes
                costs.add(result)
                done += len(task.pages)
                progress(done, known_pages)
        except KeyboardInterrupt:
            partial = True

    measured = tuple(
        Measured(
            codec.name,
            sizes[i],
            costs.of(i, codec),
            codec.relative_error,
        )
        for i, codec in enumerate(codecs)
    )
    source_rows = tuple(
        SourceRows(source.facts, int(first[i]), rows[i].pages, source.segments)
        for i, source in enumerate(sources)
    )
    return Census(page_size, seed, source_rows, hashes, had, contents, measured, partial)


def _hash_tasks(
    sources: Sequence[Source | Stream], page_size: int, slots: Slots
) -> Iterator[Hash | HashSlot]:
    step = max(HASH_TASK_BYTES // page_size, 1)
    for number, source in enumerate(sources):
        if isinstance(source, Source):
            for first in range(0, source.runs.pages, step):
                pages = min(step, source.runs.pages - first)
                yield Hash(number, first, pages, compress=not source.stable)
        else:
            yield from _slot_tasks(number, source, slots)


def _slot_tasks(number: int, stream: Stream, slots: Slots) -> Iterator[HashSlot]:
    first = 0
    while True:
        slot = slots.take()
        pages = stream.fill(slots.buffer(slot))
        if pages == 0:
            slots.give_back(slot)
            return
        yield HashSlot(number, first, pages, slot)
        first += pages


def _joined(rows: list[_Rows]) -> tuple[U64, Bools]:
    """The rows of all sources, one behind the other; without a copy where there is only one."""
    if len(rows) == 1:
        return rows[0].hash, rows[0].had
    empty = _Rows(0)
    hashes = np.concatenate([part.hash for part in (empty, *rows)])
    return hashes, np.concatenate([part.had for part in (empty, *rows)])


def _compress_tasks(rows: I64, first: I64) -> Iterator[Compress]:
    """Tasks for `rows`, ascending numbers over all sources; source i begins at row first[i]."""
    cuts = np.searchsorted(rows, first)
    for number in range(len(first) - 1):
        pages = rows[cuts[number] : cuts[number + 1]] - first[number]
        for at in range(0, len(pages), COMPRESS_TASK_PAGES):
            yield Compress(number, pages[at : at + COMPRESS_TASK_PAGES])


def _contents(
    hashes: U64, had: Bools, holes: int, zero: int, same_filled: Sequence[U64]
) -> tuple[Contents, I64]:
    """The distinct contents of the rows that were had, and a row that holds each."""
    rows = np.flatnonzero(had)
    order = rows[np.argsort(hashes[rows])]
    ordered = hashes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    starts = starts[: len(ordered)]
    distinct = ordered[starts]
    pages = np.diff(np.append(starts, len(ordered)))
    row_of = order[starts]
    if holes:
        at = int(np.searchsorted(distinct, np.uint64(zero)))
        if at == len(distinct) or distinct[at] != zero:
            distinct, pages = np.insert(distinct, at, zero), np.insert(pages, at, 0)
            row_of = np.insert(row_of, at, -1)
        pages[at] += holes
    same = np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *same_filled]))
    contents = Contents(distinct, pages, distinct == zero, np.isin(distinct, same))
    return contents, row_of


def _sizes_known(
    contents: Contents,
    known: Sequence[tuple[U64, NDArray[np.uint32]]],
    algorithms: int,
    page_size: int,
) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """A row an algorithm, a column a content, with the sizes that the first pass brought."""
    narrow = page_size < 1 << 16
    sizes = np.zeros((algorithms, len(contents.hash)), dtype=np.uint16 if narrow else np.uint32)
    for hashes, found in known:
        sizes[:, np.searchsorted(contents.hash, hashes)] = found
    return sizes
