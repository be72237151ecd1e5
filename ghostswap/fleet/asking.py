"""Asks an engine about hosts, and believes no answer that their files contradict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ghostswap.census.columns import DATA, sample_end
from ghostswap.census.parquet import pyarrow
from ghostswap.errors import GhostswapError
from ghostswap.fleet import questions
from ghostswap.fleet.engine import COLUMNS, Engine, EngineError, Progress
from ghostswap.fleet.inventory import Host, batches
from ghostswap.fleet.tally import Tally, TallyError, checked
from ghostswap.units import listed

_Each = TypeVar("_Each")
# For pairs of hosts: contents of hosts that are looked up on the others, and matches, at the most.
# Beyond that a part of them, by hash, tells as much.
_MOST_LOOKED_UP = 1 << 20
_MOST_MATCHES = 1 << 24
# All hosts are counted together by ranges of hashes, since what an engine groups in memory takes it
# a quarter less time than what it spills; but each reads the files again.
_MOST_PASSES = 16


@dataclass(frozen=True, slots=True)
class Pair:
    """Two hosts, and how many contents (of a page each) both hold."""

    a: str
    b: str
    shared_pages: int


@dataclass(frozen=True, slots=True)
class Holders:
    """On how many hosts data contents are: of each number, how many contents. Counted for one
    content in `one_in`, by its hash, and standing for all."""

    contents: tuple[tuple[int, int], ...]
    one_in: int

    def on_hosts(self, fewest: int) -> int:
        """How many data contents are on at least so many hosts."""
        return sum(contents for hosts, contents in self.contents if hosts >= fewest)


@dataclass(frozen=True, slots=True)
class Step:
    """From one census of a host to its next: of the contents that several of its pages held
    (`shared`), how many are `kept`, and how many are in several pages still."""

    host: str
    taken: datetime
    seconds: int
    pages_before: int
    pages: int
    shared: int
    kept: int
    still_shared: int


@dataclass
class Asking:
    """An engine, and which files turned out to be bad: `left_out` has an error for each.

    Without `skip_bad` the first of them is raised.
    """

    engine: Engine
    page_size: int
    sampled: bool
    skip_bad: bool
    progress: Progress
    left_out: list[GhostswapError] = field(default_factory=list)

    def tallies(self, hosts: Sequence[Host], algorithm: str) -> Iterator[tuple[Host, Tally]]:
        """The tally of each host whose rows are what its files say."""
        done = 0
        for batch in batches(hosts, self.engine.rows_at_once):
            self.progress(f"each host, {algorithm}", done, len(hosts))
            yield from self._batch(batch, algorithm)
            done += len(batch)

    def _batch(self, batch: list[Host], algorithm: str) -> Iterator[tuple[Host, Tally]]:
        try:
            tallies = self._tallies(batch, algorithm)
        except (EngineError, TallyError) as error:
            if len(batch) == 1:
                self._leave_out(batch, str(error))
                return
            for half in _halves(batch):  # which of them it was
                yield from self._batch(half, algorithm)
            return
        yield from zip(batch, tallies, strict=True)

    def _tallies(self, batch: list[Host], algorithm: str) -> list[Tally]:
        with self.engine.rows(_paths(batch), [algorithm]) as rows:
            contents = self._contents(rows, batch, algorithm)
            answer = self.engine.answer(questions.within(contents))
        by_host = _by_host(answer, {host.name for host in batch})
        for host in batch:
            tally, hashes = by_host[host.name]
            weights = {1, *(part.one_in for part in host.parts)}
            checked(tally, host.totals, self.page_size, weights, len(host.parts))
            if not _as_saved(host, hashes):
                raise TallyError("its hashes are not those that were saved")
        return [by_host[host.name][0] for host in batch]

    def together(self, hosts: Sequence[Host], algorithm: str) -> tuple[Tally, Holders]:
        """The tally of all hosts in one, and who holds data contents."""
        arrow, _ = pyarrow()
        one_in = _coarsest(hosts)
        number_of_rows = sum(part.rows for host in hosts for part in host.parts)
        passes = min(-(-number_of_rows // (2 * self.engine.rows_at_once)), _MOST_PASSES)
        answers = []
        with self.engine.rows(_paths(hosts), [algorithm]) as rows:
            for done, (begin, end) in enumerate(_ranges(max(passes, 1))):
                self.progress(f"all hosts together, {algorithm}", done, passes)
                some = questions.between(rows, begin, end)
                contents = self._contents(some, hosts, algorithm)
                answers.append(self.engine.answer(questions.together(contents, _end(one_in))))
        answer = arrow.concat_tables(answers).combine_chunks()
        tally = _tally(answer)
        counted = answer.column("below").to_numpy() & (tally.kind == DATA)
        number, at = np.unique(answer.column("hosts").to_numpy()[counted], return_inverse=True)
        several = np.bincount(at, tally.contents[counted], len(number)).astype(np.int64) * one_in
        pairs = zip(number.tolist(), several.tolist(), strict=True)
        return _ordered(tally), Holders(tuple(pairs), one_in)

    def _contents(self, rows: Any, hosts: Sequence[Host], algorithm: str) -> Any:
        return questions.contents(rows, algorithm, sampled=self.sampled, in_parts=_in_parts(hosts))

    def pairs(self, hosts: Sequence[Host], holders: Holders, most: int) -> tuple[Pair, ...]:
        """The hosts that share most, `most` pairs at the most."""
        if most == 0:
            return ()
        self.progress("who shares with whom", 0, 0)
        held = sum(number * contents for number, contents in holders.contents)
        matches = sum(number * (number - 1) // 2 * each for number, each in holders.contents)
        one_in = max(holders.one_in, -(-held // _MOST_LOOKED_UP), -(-matches // _MOST_MATCHES))
        with self.engine.rows(_paths(hosts), []) as rows:
            looked_up = questions.by_hash(rows, _end(one_in), in_parts=_in_parts(hosts))
            columns = self.engine.answer(questions.pairs(looked_up, most)).to_pydict()
        return tuple(
            Pair(a, b, shared * one_in)
            for a, b, shared in zip(columns["a"], columns["b"], columns["shared"], strict=True)
        )

    def steps(self, pairs: Sequence[tuple[Host, Host]]) -> Iterator[Step]:
        """What became of the shared contents of hosts, each there once, from one census (the first
        of a pair) to the next."""
        self.progress("how long sharing lasts", 0, 0)
        befores, afters = [old for old, _ in pairs], [new for _, new in pairs]
        one_in = _coarsest([*befores, *afters])
        try:
            with (
                self.engine.rows(_paths(befores), []) as old,
                self.engine.rows(_paths(afters), []) as new,
            ):
                question = questions.lasting(
                    questions.repeated(old, _end(one_in)), questions.repeated(new, _end(one_in))
                )
                by_host = {each["host"]: each for each in self.engine.answer(question).to_pylist()}
        except EngineError as error:
            if len(pairs) == 1:
                self._leave_out([*befores, *afters], str(error))
                return
            for half in _halves(pairs):  # which of them it was
                yield from self.steps(half)
            return
        for before, after in pairs:
            of_host = by_host.get(before.name, {})
            shared, kept, still = (
                of_host.get(name, 0) * one_in for name in ("shared", "kept", "still_shared")
            )
            seconds = round((after.taken - before.taken).total_seconds())
            pages = before.totals.pages, after.totals.pages
            yield Step(after.name, after.taken, seconds, *pages, shared, kept, still)

    def _leave_out(self, hosts: Sequence[Host], why: str) -> None:
        error = GhostswapError(listed([host.files for host in hosts]), why)
        for part in (part for host in hosts for part in host.parts):
            damage = _damage(part.path, [*COLUMNS, *part.algorithms])
            if damage is not None:
                error = GhostswapError(part.path, f"is damaged: {damage}")
                break
        if not self.skip_bad:
            raise error
        self.left_out.append(error)


def _ranges(number: int) -> list[tuple[int | None, int | None]]:
    """All hashes, as saved, in so many ranges; None where the first begins and the last ends."""
    inner = [-(1 << 63) + (each << 64) // number for each in range(1, number)]
    return list(zip([None, *inner], [*inner, None], strict=True))


def _halves(several: Sequence[_Each]) -> tuple[list[_Each], list[_Each]]:
    middle = len(several) // 2
    return list(several[:middle]), list(several[middle:])


def _coarsest(hosts: Sequence[Host]) -> int:
    return max(part.one_in for host in hosts for part in host.parts)


def _in_parts(hosts: Sequence[Host]) -> bool:
    return any(len(host.parts) > 1 for host in hosts)


def _end(one_in: int) -> int | None:
    return sample_end(one_in) if one_in > 1 else None


def _paths(hosts: Sequence[Host]) -> list[Path]:
    return [part.path for host in hosts for part in host.parts]


def _tally(answer: Any) -> Tally:
    columns = {}
    certain = {"weight": 1, "chance_pages": 0, "chance_weight": 1}  # where none is a sample
    for name in ("kind", "size", "pages", *certain, "contents"):
        if name not in answer.column_names:
            columns[name] = np.full(len(answer), certain[name], dtype=np.int64)
            continue
        column = answer.column(name)
        if name != "size" and column.null_count:
            raise TallyError(f"it has rows without {name}")
        columns[name] = column.cast("int64").fill_null(0).to_numpy()
    return Tally(**columns)


def _ordered(tally: Tally) -> Tally:
    """The same rows in one order, whatever that of the engine: sums of fractions depend on it."""
    keys = (tally.contents, tally.chance_weight, tally.chance_pages, tally.weight)
    return tally.where(np.lexsort((*keys, tally.pages, tally.size, tally.kind)))


def _as_saved(host: Host, hashes: int) -> bool:
    """Whether a host's hashes were read as they were saved; those of several parts are merged, so
    that the files must tell."""
    if len(host.parts) == 1:
        return hashes == host.parts[0].hashes
    return all(_damage(part.path, list(COLUMNS)) is None for part in host.parts)


def _by_host(answer: Any, known: set[str]) -> dict[str, tuple[Tally, int]]:
    """The rows of each host, and the checksum of its hashes; TallyError where there are others."""
    names = answer.column("host").combine_chunks().dictionary_encode()
    if names.null_count or not set(names.dictionary.to_pylist()) <= known:
        raise TallyError("it has rows of another host than its own")
    number, tally = names.indices.to_numpy(), _tally(answer)
    hashes = answer.column("hashes").fill_null(0).to_numpy()
    at = {name: index for index, name in enumerate(names.dictionary.to_pylist())}
    by_host = {}
    for name in known:
        rows = number == at.get(name, -1)
        by_host[name] = _ordered(tally.where(rows)), int(hashes[rows].sum())
    return by_host


def _damage(path: Path, columns: list[str]) -> str | None:
    """What is wrong with the data of a file, checksums included; None where it can be read."""
    arrow, parquet = pyarrow()
    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for _ in file.iter_batches(columns=columns):
                pass
    except (OSError, arrow.ArrowException, ValueError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return None
