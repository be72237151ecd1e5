"""A census on disk: a Parquet file with a row a page, hashes that only the salt's owner can make,
and no page contents.

Columns: `source` (number), `page` (number within it), `kind` (0 zero, 1 same-filled, 2 data),
`hash`, for each algorithm its compressed bytes, null where the content was not compressed, and of a
sample `stratum`, -1 where it was not looked up. The metadata holds the schema, a fingerprint of
the salt, and what else a report needs.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.codecs import is_known
from ghostswap.census.distinct import contents_numbers, distinct_contents, first_of_each
from ghostswap.census.table import (
    U64,
    Bools,
    Census,
    Contents,
    Cost,
    Measured,
    Sample,
    Sizes,
    SourceRows,
    size_type,
)
from ghostswap.errors import GhostswapError, os_reason
from ghostswap.files import replaced_whole
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.pages.source import Facts, Mapping, Segment, SourceKind

SCHEMA = "ghostswap.census/1"
MAGIC = b"PAR1"
_ROWS_A_GROUP = 1 << 17  # what is encoded and compressed at once
_ROWS_AT_ONCE = 1 << 16  # read
_BUFFER = 1 << 18  # bytes of a column read at once
_ROW_COLUMNS = {"source": "uint32", "page": "uint64", "kind": "uint8", "hash": "uint64"}
_KINDS = ("zero", "same-filled", "data")
_STRATUM = "stratum"
_LARGEST_HASH = (1 << 64) - 1
_MOST_PAGES = 1 << 52  # of the smallest size, all of a 64-bit address space
_MOST_ABSENT = 1 << 63  # a core's segments may claim as much each
_MOST_NS = 1e12  # a page
# A million segments take half as much; each has three values, and a page at least.
_MOST_FOOTER = 48 << 20
_VALUES_UNQUESTIONED, _VALUES_A_ROW = 1 << 18, 8
# A census of zero pages alone takes next to nothing a page; more than this is no census.
_ROWS_A_BYTE, _ROWS_UNQUESTIONED = 4096, 1 << 26


@dataclass(frozen=True, slots=True)
class Salt:
    """What makes hashes of a census comparable with those of others that have the same salt."""

    key: bytes

    @classmethod
    def of(cls, text: str | None) -> "Salt":
        """The salt that `text` stands for; a random one for None, so that nobody can compare the
        hash of a known page. Sizes and their order still tell a known file (SECURITY.md)."""
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
    # As Python's numbers, a part at a time: all together would take more than the census.
    parts = (
        old.hash[at : at + _ROWS_AT_ONCE].tolist() for at in range(0, len(old.hash), _ROWS_AT_ONCE)
    )
    digests = map(salt.hash, chain.from_iterable(parts))
    fresh = np.fromiter(digests, dtype=np.uint64, count=len(old.hash))
    order = np.argsort(fresh)
    contents = Contents(fresh[order], old.pages[order], old.zero[order], old.same_filled[order])
    hashes = np.zeros_like(census.hash)
    hashes[census.readable] = fresh[contents_numbers(old, census.hash[census.readable])]
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
    for each in census.measured:
        if not is_known(each.algorithm):
            raise GhostswapError(path, f"a census cannot hold sizes by {each.algorithm}")
    columns_of = _ROW_COLUMNS | {each.algorithm: "uint32" for each in census.measured}
    if census.sample is not None:
        columns_of[_STRATUM] = "int32"
    fields = [(name, arrow.type_for_alias(kind)) for name, kind in columns_of.items()]
    metadata = {
        "ghostswap.schema": SCHEMA,
        "ghostswap.salt": census.salt,
        "ghostswap.parameters": json.dumps(_parameters(census)),
    }
    schema = arrow.schema(fields)
    with (
        replaced_whole(path) as file,
        # Arrow's own copy of the schema would hold all parameters once more.
        parquet.ParquetWriter(file, schema, compression="zstd", store_schema=False) as writer,
    ):
        writer.add_key_value_metadata(metadata)
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
            rows = np.flatnonzero(census.readable[first:end]) + first
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
        with path.open("rb") as file:
            _check_footer(file)
            with parquet.ParquetFile(file, buffer_size=_BUFFER) as opened:
                return _read(opened, path.stat().st_size)
    except OSError as error:
        reason = os_reason(error) if error.errno else f"is no readable census: {_first_line(error)}"
        raise GhostswapError(path, reason) from None
    except (
        arrow.ArrowException,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise GhostswapError(path, f"is no readable census: {_first_line(error)}") from None


def _check_footer(file: BinaryIO) -> None:
    """Refuse more metadata than a census has: they are unpacked whole, to many times their size."""
    file.seek(-8, os.SEEK_END)  # its length, and the magic
    length = int.from_bytes(file.read(4), "little")
    if length > _MOST_FOOTER:
        raise ValueError(f"metadata of {length} bytes")
    file.seek(0)


def _read(file: Any, file_bytes: int) -> Census:
    metadata = file.schema_arrow.metadata or {}
    schema = metadata.get(b"ghostswap.schema", b"").decode()
    if schema != SCHEMA:
        raise ValueError(f"its schema is {schema!r}, not {SCHEMA!r}")
    rows = file.metadata.num_rows
    if rows > max(file_bytes * _ROWS_A_BYTE, _ROWS_UNQUESTIONED):
        raise ValueError(f"{rows} rows in a file this small")
    parameters = _parsed(metadata[b"ghostswap.parameters"], rows)
    page_size = int(parameters["page_size"])
    if page_size not in PAGE_SIZES:
        raise ValueError(f"pages of {page_size} bytes")
    sources = _sources(parameters["sources"])
    total = sum(source.pages for source in sources)
    if not rows <= total <= max(2 * rows, _ROWS_UNQUESTIONED):
        raise ValueError(f"{rows} rows, where its sources have {total}")
    names = list(parameters["algorithms"])
    _check_columns(file, names, sampled=bool(parameters["sample"]))
    hashes, readable, same = _pages(file, sources, total)
    if int(np.count_nonzero(readable)) != rows:
        raise ValueError("two rows are of one page")
    zero = int(parameters["zero_hash"] or "0", 16)
    if not 0 <= zero <= _LARGEST_HASH:
        raise ValueError("a hash of more than 64 bits")
    holes = _count(sum(source.facts.holes for source in sources))
    contents = distinct_contents(hashes, readable, holes, zero, same)
    table, stratum = _sizes(file, contents, names, page_size, sampled=bool(parameters["sample"]))
    measured = tuple(
        Measured(name, table[row], _cost(about["cost"]), _share(about["relative_error"]))
        for row, (name, about) in enumerate(parameters["algorithms"].items())
    )
    sample = None
    if stratum is not None:
        about = parameters["sample"]
        heavy_from = int(about["heavy_from"])
        if not 1 <= heavy_from < 1 << 63:
            raise ValueError(f"contents with {heavy_from} copies")
        sample = Sample(_share(about["error"]), heavy_from, _LARGEST_HASH, stratum)
    return Census(
        page_size,
        0,
        sources,
        hashes,
        readable,
        contents,
        measured,
        bool(parameters["partial"]),
        sample,
        metadata[b"ghostswap.salt"].decode(),
    )


def _parsed(text: bytes, rows: int) -> dict[str, Any]:
    """The parameters; each value of JSON takes many times its text, so that they are counted."""
    values = sum(map(text.count, (b",", b"[", b"{")))
    if values > _VALUES_UNQUESTIONED + _VALUES_A_ROW * rows:
        raise ValueError(f"{values} parameters for {rows} rows")
    parsed = json.loads(text)
    if not isinstance(parsed, dict):
        raise ValueError("its parameters are no object")
    return parsed


def _check_columns(file: Any, names: list[str], *, sampled: bool) -> None:
    """Refuse what is not of our types; any other columns are not read."""
    if not names:
        raise ValueError("it has no algorithm")
    for name in names:
        if not is_known(name):
            raise ValueError(f"{name[:40]!r} is no algorithm")
    expected = _ROW_COLUMNS | dict.fromkeys(names, "uint32")
    if sampled:
        expected[_STRATUM] = "int32"
    schema = file.schema_arrow
    for name, kind in expected.items():
        fields = schema.get_all_field_indices(name)
        if [str(schema.field(each).type) for each in fields] != [kind]:
            raise ValueError(f"it has not one column {name} of {kind}")


def _batches(file: Any, columns: list[str]) -> Iterator[Any]:
    return iter(file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns, use_threads=False))


def _pages(file: Any, sources: tuple[SourceRows, ...], total: int) -> tuple[U64, Bools, list[U64]]:
    """The hash of each page, whether it was had, and the hashes of same-filled pages."""
    hashes, readable = np.zeros(total, dtype=np.uint64), np.zeros(total, dtype=np.bool_)
    same: list[U64] = []
    first = np.array([source.first for source in sources], dtype=np.int64)
    pages = np.array([source.pages for source in sources], dtype=np.uint64)
    for batch in _batches(file, list(_ROW_COLUMNS)):
        number = batch.column("source").to_numpy()
        page = batch.column("page").to_numpy()
        if (number >= len(sources)).any() or (page >= pages[number]).any():
            raise ValueError("a row lies outside its source")
        at = first[number] + page.astype(np.int64)
        digest = batch.column("hash").to_numpy()
        hashes[at], readable[at] = digest, True
        alike = batch.column("kind").to_numpy() == _KINDS.index("same-filled")
        same.append(first_of_each(digest[alike])[0])
    return hashes, readable, same


def _sizes(
    file: Any, contents: Contents, names: list[str], page_size: int, *, sampled: bool
) -> tuple[Sizes, NDArray[np.int32] | None]:
    """A row an algorithm, a column a content; and of a sample the stratum of each content.

    The file is read a second time for them: kept from the first, they would take as much as all
    else.
    """
    table = np.zeros((len(names), len(contents.hash)), dtype=size_type(page_size))
    stratum = np.full(len(contents.hash), -1, dtype=np.int32) if sampled else None
    for batch in _batches(file, ["hash", *names, *([_STRATUM] if sampled else [])]):
        at = contents_numbers(contents, batch.column("hash").to_numpy())
        for row, name in enumerate(names):
            sizes = batch.column(name).fill_null(0).to_numpy()
            table[row, at] = np.minimum(sizes, page_size + 1)
        if stratum is not None:
            strata = batch.column(_STRATUM).to_numpy()
            if ((strata < -1) | (strata >= len(stratum))).any():
                raise ValueError("a stratum that is no number of one")
            stratum[at] = strata
    table[:, contents.zero] = 0
    return table, stratum


def _sources(described: list[dict[str, Any]]) -> tuple[SourceRows, ...]:
    sources: list[SourceRows] = []
    first = 0
    for each in described:
        told, pages = each["facts"], _count(each["pages"])
        facts = Facts(
            str(told["name"]),
            SourceKind(told["kind"]),
            _count(told["absent"], _MOST_ABSENT),
            _count(told["swapped"], _MOST_ABSENT),
            _count(told["unreadable"], _MOST_ABSENT),
            _count(told["holes"]),
            _count(told.get("thp", 0)),
            bool(told["incomplete"]),
            tuple(map(str, told["warnings"])),
        )
        segments = tuple(
            # Older ones do not tell holes.
            Segment(_count(at), _count(number), Mapping(mapping), *map(_count, holes))
            for at, number, mapping, *holes in each["segments"]
        )
        end = 0
        for segment in segments:
            if segment.first < end:
                raise ValueError("two segments hold one page")
            end = segment.first + segment.pages
        if end > pages:
            raise ValueError("a segment lies outside its source")
        sources.append(SourceRows(facts, first, pages, segments))
        first += pages
    return tuple(sources)


def _cost(told: dict[str, Any] | None) -> Cost | None:
    if not told:
        return None
    return Cost(_within(told["compress_ns"], _MOST_NS), _within(told["decompress_ns"], _MOST_NS))


def _count(told: Any, most: int = _MOST_PAGES) -> int:
    number = int(told)
    if not 0 <= number <= most:
        raise ValueError(f"{number} pages")
    return number


def _share(told: Any) -> float:
    return _within(told, 1.0)


def _within(told: Any, most: float) -> float:
    number = float(told)
    if not 0 <= number <= most:
        raise ValueError(f"{number} is not from 0 to {most:g}")
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
