"""One scan over all pages of all sources: hash each page, compress each distinct content once.

Pages of a file are hashed first and then, knowing which contents are distinct, one page of each is
read again and compressed; some, chosen by their hash, are compressed at once, so that a run that is
interrupted has a sample to tell by. Pages of a running process are hashed and compressed from one
copy, since they may have changed at a second reading; a table shared by the workers keeps copies
from being compressed again. So are pages that come only once, through a pipe or a decompressor: the
parent puts them into memory that it shares with the workers.
"""

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from ghostswap.census.codecs import Codec
from ghostswap.census.compressor import Compressed, Compressor, cost_of, no_time
from ghostswap.census.distinct import distinct_contents, rows_holding, sizes_of
from ghostswap.census.page_buffers import PageBuffers
from ghostswap.census.sample import Rows, Sampling, by_hash, drop_unchosen
from ghostswap.census.scanner import (
    Compress,
    Hash,
    HashBuffer,
    Hashes,
    Scanner,
    Shared,
)
from ghostswap.census.table import (
    I64,
    U64,
    Bools,
    Census,
    Contents,
    Measured,
    Sample,
    Sizes,
    SourceRows,
)
from ghostswap.census.workers import TASKS_AHEAD, Workers
from ghostswap.pages.source import Source, Stream, facts_after
from ghostswap.pulse import Pulse
from ghostswap.signals import heeded, held

# What one task covers: long enough that its message costs nothing, short enough for progress.
HASH_TASK_BYTES = 32 << 20
COMPRESS_TASK_BYTES = 8 << 20  # of pages that are compressed in the same pass
COMPRESS_TASK_PAGES = 1024
FEWEST_TASKS = 16  # where there is little to compress, it is still shared out
# How many pages a stream is thought to have, for tables made before: they take 8 MiB.
_STREAM_PAGES = 1 << 20
# What the parent puts into shared memory at once.
_SLOT_BYTES = 1 << 20
# Pages of each source looked at to guess how many contents there are, and how alike: some 8 ms.
_FIRST_LOOK = 512
# So many processes may be of use on fewer CPUs: some of them wait for a disk.
_FEWEST_USEFUL = 4
# Of a file that is compressed whole, what the first pass compresses: one page in so many, and no
# more than make an estimate within 0.5 % or so.
_EARLY_ONE_IN, _EARLY_MOST = 8, 40_000

_FIRST = np.zeros(1, dtype=np.int64)  # the number of the only page

Progress = Callable[[int, int], None]  # (pages done, pages known so far)


class _Rows:
    """What the first pass found of one source: a row a page, as many as there are or have come."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self._hash = np.zeros(pages, dtype=np.uint64)
        self._readable = np.zeros(pages, dtype=np.bool_)

    @property
    def hash(self) -> U64:
        return self._hash[: self.pages]

    @property
    def readable(self) -> Bools:
        return self._readable[: self.pages]

    def put(self, first: int, hashes: Hashes) -> None:
        """Place the rows from `first` on, making room where the number was not known."""
        end = first + len(hashes.hash)
        if end > len(self._hash):
            old_hash, old_readable = self._hash, self._readable
            # Zeros that nobody writes take no memory.
            self._hash = np.zeros(2 * end, dtype=np.uint64)
            self._readable = np.zeros(2 * end, dtype=np.bool_)
            self._hash[: len(old_hash)], self._readable[: len(old_readable)] = (
                old_hash,
                old_readable,
            )
        self.pages = max(self.pages, end)
        self._hash[first:end] = hashes.hash
        self._readable[first:end] = hashes.readable


_Pool = Workers[Hash | HashBuffer | Compress, Hashes | Compressed]


def scan(
    sources: Sequence[Source | Stream],
    page_size: int,
    codecs: Sequence[Codec],
    *,
    jobs: int | None = None,
    seed: int = 0,
    sampling: Sampling | None = None,
    progress: Progress = lambda done, known: None,
) -> Census:
    """Read every page of `sources` with `jobs` processes (default: one a usable CPU).

    With `sampling`, compress only as many contents as it takes. On KeyboardInterrupt the workers
    end and what is known so far comes back, marked partial: a sample, where contents were left
    uncompressed. Raises GhostswapError when a source cannot be opened or a worker dies.
    """
    with held():
        return _Scan(sources, page_size, codecs, seed, sampling, progress).run(_useful(jobs))


def _useful(jobs: int | None) -> int:
    """As many processes as were asked for, except more than are of use: each takes some 5 MiB."""
    cpus = len(os.sched_getaffinity(0))
    return min(jobs or cpus, max(cpus, _FEWEST_USEFUL))


class _Scan:
    """What the parent of the workers keeps while they work."""

    def __init__(
        self,
        sources: Sequence[Source | Stream],
        page_size: int,
        codecs: Sequence[Codec],
        seed: int,
        sampling: Sampling | None,
        progress: Progress,
    ) -> None:
        self._sources = sources
        self._page_size = page_size
        self._codecs = codecs
        self._seed = seed
        self._sampling = sampling
        self._progress = progress
        paged = [source for source in sources if isinstance(source, Source)]
        self._streams = len(sources) - len(paged)
        self._read_once = sum(source.runs.pages for source in paged if not source.stable)
        # Pages that come only once decide what the sample is.
        self._cannot_grow = bool(self._read_once or self._streams)
        self._rows = [_Rows(each.runs.pages if isinstance(each, Source) else 0) for each in sources]
        self._time = no_time(len(codecs))
        # What the first pass brings: hashes of same-filled pages, and sizes by hash.
        self._same_filled: list[U64] = []
        self._known: list[tuple[U64, NDArray[np.uint32]]] = []
        self._lost = [0] * len(sources)  # contents that could not be read again to be compressed
        self._swapped_in = [0] * len(sources)  # pages that reading brought back from swap
        self._stuck: set[int] = set()  # sources whose reading had to be given up
        self._done, self._total = 0, sum(source.runs.pages for source in paged)

    def run(self, jobs: int) -> Census:
        """Both passes, and the census."""
        # As many buffers as may be with the workers, one whose result is being taken, one to fill.
        buffers = PageBuffers(
            jobs * TASKS_AHEAD + 1 if self._streams else 0, max(_SLOT_BYTES, self._page_size)
        )
        once = self._read_once + (_STREAM_PAGES if self._streams else 0)
        shared = Shared.made(once, buffers)

        def prepare(pulse: Pulse) -> Scanner:
            return Scanner(self._sources, self._page_size, self._codecs, self._seed, shared, pulse)

        partial, sample = False, None
        if self._sampling is None:
            early = min(self._total // _EARLY_ONE_IN, _EARLY_MOST)
            shared.cutoff[1] = int(shared.cutoff[1]) * early // max(self._total, 1)
        with Workers[Hash | HashBuffer | Compress, Hashes | Compressed](jobs, prepare) as workers:
            try:
                if self._sampling is not None and not self._cannot_grow:
                    with heeded():
                        shared.cutoff[:] = self._sampling.first_cutoff(*self._first_look())
                self._hash_all(workers, shared)
            except KeyboardInterrupt:
                partial = True
            first = np.cumsum([0, *(rows.pages for rows in self._rows)])
            hashes, readable = _joined(self._rows)
            contents = self._contents(hashes, readable)
            sizes = sizes_of(contents, self._known, len(self._codecs), self._page_size)
            self._known.clear()
            try:
                # After an interruption the workers' pipes still hold answers of the first pass.
                if not partial:
                    for grown, numbers in self._rounds(contents, sizes, shared, (hashes, readable)):
                        rows = rows_holding(contents.hash[numbers], hashes, readable)
                        self._compress(workers, sizes, numbers[rows >= 0], rows[rows >= 0], first)
                        sample = grown
            except KeyboardInterrupt:
                partial = True
        if partial and (contents.data & (sizes[0] == 0)).any():
            # What was compressed last lies where reading began: only what hashes chose is fair.
            sample = sample or by_hash(contents, int(shared.cutoff[1]), (hashes, readable))
            drop_unchosen(contents, sizes, sample)
        measured = tuple(
            Measured(
                codec.name,
                sizes[i],
                cost_of(codec, self._time[:, i]),
                codec.relative_error,
                codec.variant,
            )
            for i, codec in enumerate(self._codecs)
        )
        source_rows = tuple(
            SourceRows(
                source.facts
                if partial
                else facts_after(
                    source.facts,
                    self._rows[i].readable,
                    self._lost[i],
                    self._swapped_in[i],
                    stuck=i in self._stuck,
                ),
                int(first[i]),
                self._rows[i].pages,
                source.segments,
            )
            for i, source in enumerate(self._sources)
        )
        return Census(
            self._page_size,
            self._seed,
            source_rows,
            hashes,
            readable,
            contents,
            measured,
            partial,
            sample,
        )

    def _first_look(self) -> tuple[int, Sizes]:
        """About how many contents there are, by a look at some pages of each source, and the sizes
        of those looked at."""
        expected = 0
        compressor = Compressor(self._codecs, self._page_size)
        page = memoryview(bytearray(self._page_size))
        for source in self._sources:
            assert isinstance(source, Source)
            seen = set()
            reader = source.open()
            for first in range(0, source.runs.pages, max(source.runs.pages // _FIRST_LOOK, 1)):
                if reader.read(first, 1, page).all() and page[:8] != page[-8:]:
                    digest = xxhash.xxh3_64_intdigest(page, self._seed)
                    if digest not in seen:
                        seen.add(digest)
                        compressor.add(page, _FIRST)
            reader.close()
            expected += source.runs.pages * len(seen) // min(_FIRST_LOOK, source.runs.pages or 1)
        return expected, compressor.take().sizes

    def _hash_all(self, workers: _Pool, shared: Shared) -> None:
        """The first pass: a hash a row, and sizes of contents that come only once."""
        sampled = 0
        tasks = self._hash_tasks(shared.buffers)
        for task, result in workers.map(tasks, lambda task: task.source not in self._stuck):
            assert isinstance(task, (Hash, HashBuffer))
            if result is None:
                self._stuck.add(task.source)
                continue
            assert isinstance(result, Hashes)
            self._swapped_in[task.source] += result.swapped_in
            if isinstance(task, HashBuffer):
                shared.buffers.give_back(task.buffer)
                self._total += task.pages
            self._rows[task.source].put(task.first, result)
            self._same_filled.append(result.same_filled)
            self._known.append((result.new, result.compressed.sizes))
            self._time += result.compressed.time
            if self._sampling is not None:
                sampled += len(result.new)
                if sampled > 2 * self._sampling.contents and self._cannot_grow:
                    # Too large for its purpose: from now on half as many are taken.
                    shared.cutoff[:] = shared.cutoff // 2
                    sampled //= 2
            self._advance(task.pages)

    def _hash_tasks(self, buffers: PageBuffers) -> Iterator[Hash | HashBuffer]:
        quick = self._sampling is not None
        for number, source in enumerate(self._sources):
            if isinstance(source, Source):
                task_bytes = HASH_TASK_BYTES if quick and source.stable else COMPRESS_TASK_BYTES
                step = max(task_bytes // self._page_size, 1)
                for first in range(0, source.runs.pages, step):
                    pages = min(step, source.runs.pages - first)
                    yield Hash(number, first, pages, again=source.stable)
            else:
                yield from _buffer_tasks(number, source, buffers)

    def _contents(self, hashes: U64, readable: Bools) -> Contents:
        zero = xxhash.xxh3_64_intdigest(bytes(self._page_size), self._seed)
        holes = sum(source.facts.holes for source in self._sources)
        return distinct_contents(hashes, readable, holes, zero, self._same_filled)

    def _rounds(
        self, contents: Contents, sizes: Sizes, shared: Shared, rows: Rows
    ) -> Iterator[tuple[Sample | None, I64]]:
        """Which contents to compress next, each time the last ones were."""
        if self._sampling is None:
            yield None, np.flatnonzero((sizes[0] == 0) & ~contents.zero)
        elif self._cannot_grow:
            sample = self._sampling.once(contents, sizes, int(shared.cutoff[0]), rows)
            inside = contents.hash <= shared.cutoff[0]
            yield sample, np.flatnonzero((sizes[0] == 0) & ~contents.zero & inside)
        else:
            yield from self._sampling.rounds(contents, sizes, int(shared.cutoff[0]), rows)

    def _compress(self, workers: _Pool, sizes: Sizes, contents: I64, rows: I64, first: I64) -> None:
        """Fill in the sizes of `contents`, which the pages in `rows` hold."""
        order = np.argsort(rows)
        contents, rows = contents[order], rows[order]
        self._total += len(rows)
        tasks = _compress_tasks(rows, first)
        for task, result in workers.map(tasks, lambda task: task.source not in self._stuck):
            assert isinstance(task, Compress)
            if result is None:
                self._stuck.add(task.source)
                continue
            assert isinstance(result, Compressed)
            at = np.searchsorted(rows, task.pages + first[task.source])
            sizes[:, contents[at]] = result.sizes
            self._lost[task.source] += int(np.count_nonzero(result.sizes[0] == 0))
            self._time += result.time
            self._advance(len(task.pages))

    def _advance(self, pages: int) -> None:
        self._done += pages
        self._progress(self._done, self._total)


def _buffer_tasks(number: int, stream: Stream, buffers: PageBuffers) -> Iterator[HashBuffer]:
    first = 0
    while True:
        buffer = buffers.take()
        with heeded():
            pages = stream.fill(buffers.buffer(buffer))
        if pages == 0:
            buffers.give_back(buffer)
            return
        yield HashBuffer(number, first, pages, buffer)
        first += pages


def _joined(rows: list[_Rows]) -> tuple[U64, Bools]:
    """The rows of all sources, one behind the other; without a copy where there is only one."""
    if len(rows) == 1:
        return rows[0].hash, rows[0].readable
    empty = _Rows(0)
    hashes = np.concatenate([part.hash for part in (empty, *rows)])
    return hashes, np.concatenate([part.readable for part in (empty, *rows)])


def _compress_tasks(rows: I64, first: I64) -> Iterator[Compress]:
    """Tasks for `rows`, ascending numbers over all sources; source i begins at row first[i]."""
    cuts = np.searchsorted(rows, first)
    step = min(COMPRESS_TASK_PAGES, len(rows) // FEWEST_TASKS + 1)
    for number in range(len(first) - 1):
        pages = rows[cuts[number] : cuts[number + 1]] - first[number]
        for at in range(0, len(pages), step):
            yield Compress(number, pages[at : at + step])
