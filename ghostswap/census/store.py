"""A census on disk: a Parquet file with a row a page, hashes that only the salt's owner can make,
and no page contents.

Columns: `source` (number), `page` (number within it), `kind` (0 zero, 1 same-filled, 2 data),
`hash`, for each algorithm its compressed bytes, null where the content was not compressed, and of a
sample `stratum`, -1 where it was not looked up. The metadata holds the schema, a fingerprint of
the salt, and what else a report needs.
"""

import hashlib
import json
import math
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ghostswap.census.distinct import contents_numbers, distinct_contents
from ghostswap.census.table import (
    U64,
    Bools,
    Census,
    Contents,
    Cost,
    Measured,
    Sample,
    SourceRows,
    size_type,
)
from ghostswap.errors import GhostswapError, os_reason
from ghostswap.files import replaced_whole
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.pages.source import Facts, Mapping, Segment, SourceKind

SCHEMA = "ghostswap.census/1"
MAGIC = b"PAR1"
_ROWS_A_GROUP = 1 << 20
_KINDS = ("zero", "same-filled", "data")
_STRATUM = "stratum"
_LARGEST_HASH = (1 << 64) - 1
_MOST_PAGES = 1 << 52  # of the smallest size, all of a 64-bit address space
# A census of zero pages alone takes next to nothing a page; more than this is no census.
_ROWS_A_BYTE, _ROWS_UNQUESTIONED = 4096, 1 << 26


@dataclass(frozen=True, slots=True)
class Salt:
    """What makes hashes of a census comparable with those of others that have the same salt."""

    key: bytes

    @classmethod
    def of(cls, text: str | None) -> "Salt":
        """The salt that `text` stands for; a random one for None, so that nobody can test whether a
        known page was there."""
        if text is None:
            return cls(secrets.token_bytes(32))
        return cls(hashlib.blake2b(text.encode(), digest_size=32).digest())

    @property
    def fingerprint(self) -> str:
        """Tells whether two salts are the same, and nothing of them."""
        return hashlib.blake2b(b"", key=self.key, digest_size=8).hexdigest()

    def hash(self, digest: int) -> int:
        """The salted hash of a content whose unsalted one is `digest`."""
        found = hashlib.blake2b(digest.to_bytes(8, "little"), key=self.key, digest_size=8)
        return int.from_bytes(found.digest(), "little")


def salted(census: Census, salt: Salt) -> Census:
    """The census under other hashes, with its contents in their new order."""
    old = census.contents
    fresh = np.fromiter(map(salt.hash, old.hash.tolist()), dtype=np.uint64, count=len(old.hash))
    order = np.argsort(fresh)
    contents = Contents(fresh[order], old.pages[order], old.zero[order], old.same_filled[order])
    hashes = np.zeros_like(census.hash)
    hashes[census.had] = fresh[contents_numbers(old, census.hash[census.had])]
    sample = census.sample
    return replace(
        census,
        hash=hashes,
        contents=contents,
        measured=tuple(replace(each, sizes=each.sizes[order]) for each in census.measured),
        # Which hashes were low enough shows in the sizes; the new ones are in no such order.
        sample=replace(sample, cutoff=_LARGEST_HASH, stratum=sample.stratum[order])
        if sample
        else None,
        salt=salt.fingerprint,
    )


def save(census: Census, path: Path) -> None:
    """Write a salted census to `path`, whole or not at all.

    Raises GhostswapError where it cannot be written, or pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    fields = [("source", arrow.uint32()), ("page", arrow.uint64()), ("kind", arrow.uint8())]
    fields += [("hash", arrow.uint64())]
    fields += [(each.algorithm, arrow.uint32()) for each in census.measured]
    if census.sample is not None:
        fields.append((_STRATUM, arrow.int32()))
    metadata = {
        "ghostswap.schema": SCHEMA,
        "ghostswap.salt": census.salt,
        "ghostswap.parameters": json.dumps(_parameters(census)),
    }
    schema = arrow.schema(fields, metadata=metadata)
    with (
        replaced_whole(path) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for columns in _row_groups(census):
            arrays = [
                arrow.array(values, mask=None if known is None else ~known)
                for values, known in columns
            ]
            writer.write_table(arrow.Table.from_arrays(arrays, schema=schema))


def _row_groups(census: Census) -> Iterator[list[tuple[Any, Bools | None]]]:
    """The columns, a million rows at a time: values, and which of them are known."""
    contents = census.contents
    kind = np.where(contents.zero, 0, np.where(contents.same_filled, 1, 2)).astype(np.uint8)
    for number, source in enumerate(census.sources):
        for first in range(source.first, source.first + source.pages, _ROWS_A_GROUP):
            end = min(first + _ROWS_A_GROUP, source.first + source.pages)
            rows = np.flatnonzero(census.had[first:end]) + first
            which = contents_numbers(contents, census.hash[rows])
            columns: list[tuple[Any, Bools | None]] = [
                (np.full(len(rows), number, dtype=np.uint32), None),
                ((rows - source.first).astype(np.uint64), None),
                (kind[which], None),
                (census.hash[rows], None),
            ]
            for each in census.measured:
                sizes = each.sizes[which]
                columns.append((sizes.astype(np.uint32), sizes > 0))
            if census.sample is not None:
                columns.append((census.sample.stratum[which], None))
            yield columns


def _parameters(census: Census) -> dict[str, Any]:
    zero = census.contents.hash[census.contents.zero]
    return {
        "page_size": census.page_size,
        "partial": census.partial,
        "zero_hash": f"{int(zero[0]):016x}" if len(zero) else None,
        "sample": _described(census.sample) if census.sample else None,
        "sources": [
            {
                "facts": asdict(source.facts),
                "pages": source.pages,
                "segments": [[s.first, s.pages, str(s.mapping), s.holes] for s in source.segments],
            }
            for source in census.sources
        ],
        "algorithms": {
            each.algorithm: {
                "cost": asdict(each.cost) if each.cost else None,
                "relative_error": each.relative_error,
            }
            for each in census.measured
        },
    }


def _described(sample: Sample) -> dict[str, Any]:
    """A sample without its strata, which are a column."""
    return {"error": sample.error, "heavy_from": sample.heavy_from}


def load(path: Path) -> Census:
    """The census in the file at `path`; GhostswapError where it is none, or is damaged."""
    arrow, parquet = _pyarrow()
    try:
        # Opened here, since pyarrow takes no name that is not UTF-8.
        with path.open("rb") as opened, parquet.ParquetFile(opened) as file:
            return _read(path, file)
    except OSError as error:
        reason = os_reason(error) if error.errno else f"is no readable census: {_first_line(error)}"
        raise GhostswapError(path, reason) from None
    except (arrow.ArrowException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GhostswapError(path, f"is no readable census: {_first_line(error)}") from None


def _read(path: Path, file: Any) -> Census:
    metadata = {key.decode(): value for key, value in (file.schema_arrow.metadata or {}).items()}
    schema = metadata.get("ghostswap.schema", b"").decode()
    if schema != SCHEMA:
        raise ValueError(f"its schema is {schema!r}, not {SCHEMA!r}")
    parameters = json.loads(metadata["ghostswap.parameters"])
    rows = file.metadata.num_rows
    if rows > max(path.stat().st_size * _ROWS_A_BYTE, _ROWS_UNQUESTIONED):
        raise ValueError(f"{rows} rows in a file this small")
    page_size = int(parameters["page_size"])
    if page_size not in PAGE_SIZES:
        raise ValueError(f"pages of {page_size} bytes")
    sources = _sources(parameters["sources"])
    total = sum(source.pages for source in sources)
    if not rows <= total <= max(2 * rows, _ROWS_UNQUESTIONED):
        raise ValueError(f"{rows} rows, where its sources have {total}")
    names = list(parameters["algorithms"])
    hashes, had = np.zeros(total, dtype=np.uint64), np.zeros(total, dtype=np.bool_)
    same: list[U64] = []
    known: list[tuple[U64, Any, Any]] = []
    first = np.array([source.first for source in sources], dtype=np.int64)
    pages = np.array([source.pages for source in sources], dtype=np.uint64)
    zero = int(parameters["zero_hash"] or "0", 16)
    for batch in file.iter_batches(batch_size=_ROWS_A_GROUP):
        number = batch.column("source").to_numpy().astype(np.int64)
        page = batch.column("page").to_numpy()
        if (number >= len(sources)).any() or (page >= pages[number]).any():
            raise ValueError("a row lies outside its source")
        at = first[number] + page.astype(np.int64)
        found = batch.column("hash").to_numpy()
        hashes[at], had[at] = found, True
        same.append(found[batch.column("kind").to_numpy() == _KINDS.index("same-filled")])
        sizes = [batch.column(name).fill_null(0).to_numpy().astype(np.uint32) for name in names]
        strata = batch.column(_STRATUM).to_numpy() if parameters["sample"] else None
        known.append((found, np.array(sizes).reshape(len(names), len(found)), strata))
    holes = sum(source.facts.holes for source in sources)
    if int(np.count_nonzero(had)) != rows:
        raise ValueError("two rows are of one page")
    contents = distinct_contents(hashes, had, holes, zero, same)
    table = np.zeros((len(names), len(contents.hash)), dtype=size_type(page_size))
    stratum = np.full(len(contents.hash), -1, dtype=np.int32)
    for found, of_batch, strata in known:
        at = contents_numbers(contents, found)
        table[:, at] = np.minimum(of_batch, page_size + 1)
        if strata is not None:
            if strata.dtype != stratum.dtype or (strata >= len(stratum)).any():
                raise ValueError("a stratum that is no number of one")
            stratum[at] = strata
    table[:, contents.zero] = 0
    measured = tuple(
        Measured(
            name,
            table[row],
            _cost(told["cost"]),
            _finite(told["relative_error"]),
        )
        for row, (name, told) in enumerate(parameters["algorithms"].items())
    )
    sample = None
    if parameters["sample"]:
        told = parameters["sample"]
        sample = Sample(_finite(told["error"]), int(told["heavy_from"]), _LARGEST_HASH, stratum)
    return Census(
        page_size,
        0,
        sources,
        hashes,
        had,
        contents,
        measured,
        bool(parameters["partial"]),
        sample,
        metadata["ghostswap.salt"].decode(),
    )


def _sources(described: list[dict[str, Any]]) -> tuple[SourceRows, ...]:
    sources: list[SourceRows] = []
    first = 0
    for each in described:
        told, pages = each["facts"], _count(each["pages"])
        facts = Facts(
            str(told["name"]),
            SourceKind(told["kind"]),
            _count(told["absent"]),
            _count(told["swapped"]),
            _count(told["unreadable"]),
            _count(told["holes"]),
            bool(told["incomplete"]),
            tuple(map(str, told["warnings"])),
        )
        segments = tuple(
            # Older ones do not tell holes.
            Segment(_count(at), _count(number), Mapping(mapping), *map(_count, holes))
            for at, number, mapping, *holes in each["segments"]
        )
        if any(segment.first + segment.pages > pages for segment in segments):
            raise ValueError("a segment lies outside its source")
        sources.append(SourceRows(facts, first, pages, segments))
        first += pages
    return tuple(sources)


def _cost(told: dict[str, Any] | None) -> Cost | None:
    return Cost(_finite(told["compress_ns"]), _finite(told["decompress_ns"])) if told else None


def _count(told: Any) -> int:
    number = int(told)
    if not 0 <= number <= _MOST_PAGES:
        raise ValueError(f"{number} pages")
    return number


def _finite(told: Any) -> float:
    number = float(told)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no measurement")
    return number


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise GhostswapError(
            "census files", "need pyarrow: pip install 'ghostswap[census]'"
        ) from None
    return pyarrow, pyarrow.parquet
