"""Reading a saved census back: of schema 2 (census/parquet.py writes it), and of schema 1, which
older releases wrote.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ghostswap.arrays import first_of_each
from ghostswap.census.codecs import is_known
from ghostswap.census.columns import DATA, SAME_FILLED, ZERO, unsigned
from ghostswap.census.distinct import contents_numbers, distinct_contents
from ghostswap.census.parquet import SCHEMA, STRATUM, pyarrow
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
from ghostswap.kernel.algorithm import variant_of
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.pages.source import Facts, Mapping, Segment, SourceKind

OLD_SCHEMA = "ghostswap.census/1"
_ROWS_AT_ONCE = 1 << 16  # read
_BUFFER = 1 << 18  # bytes of a column read at once
_OLD_COLUMNS = {"source": "uint32", "page": "uint64", "kind": "uint8", "hash": "uint64"}
_COLUMNS = {
    "source": "int32",
    "page": "int64",
    "pages": "int64",
    "kind": "int8",
    "hash": "int64",
}
_LARGEST_HASH = (1 << 64) - 1
_MOST_PAGES = 1 << 52  # of the smallest size, all of a 64-bit address space
_MOST_ABSENT = 1 << 63  # a core's segments may claim as much each
_MOST_NS = 1e12  # a page
# A million segments take half as much; each has three values, and a page at least.
_MOST_FOOTER = 48 << 20
_VALUES_UNQUESTIONED, _VALUES_A_ROW = 1 << 18, 8
# A census of zero pages alone takes next to nothing a page; more than this is no census.
_ROWS_A_BYTE, _ROWS_UNQUESTIONED = 4096, 1 << 26


def load(path: Path) -> Census:
    """The census in the file at `path`; GhostswapError where it is none, or is damaged."""
    arrow, parquet = pyarrow()
    try:
        # Opened here, since pyarrow takes no name that is not UTF-8.
        with path.open("rb") as file:
            _check_footer(file)
            with parquet.ParquetFile(
                file, buffer_size=_BUFFER, page_checksum_verification=True
            ) as opened:
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
    if schema not in (SCHEMA, OLD_SCHEMA):
        raise ValueError(f"its schema is {schema!r}, not {SCHEMA!r}")
    old = schema == OLD_SCHEMA
    rows = file.metadata.num_rows
    if rows > max(file_bytes * _ROWS_A_BYTE, _ROWS_UNQUESTIONED):
        raise ValueError(f"{rows} rows in a file this small")
    parameters = _parsed(metadata[b"ghostswap.parameters"], rows)
    page_size = int(parameters["page_size"])
    if page_size not in PAGE_SIZES:
        raise ValueError(f"pages of {page_size} bytes")
    sources = _sources(parameters["sources"])
    total = sum(source.pages for source in sources)
    if not old and parameters["one_in"] != 1:
        raise ValueError("it is a sample: 'ghostswap fleet' reads those")
    by_content = not old and bool(parameters["private"])
    most = total + len(sources) if old or not by_content else rows
    if not (old or by_content) and rows > most:
        raise ValueError(f"{rows} rows, where its sources have {total}")
    if not (rows if old else 0) <= total <= max(2 * rows, _ROWS_UNQUESTIONED):
        raise ValueError(f"{rows} rows, where its sources have {total}")
    names = list(parameters["algorithms"])
    _check_columns(file, names, old=old, sampled=bool(parameters["sample"]))
    if old:
        hashes, readable, same = _old_pages(file, sources, total)
        if int(np.count_nonzero(readable)) != rows:
            raise ValueError("two rows are of one page")
        zero = int(parameters["zero_hash"] or "0", 16)
        if not 0 <= zero <= _LARGEST_HASH:
            raise ValueError("a hash of more than 64 bits")
    else:
        hashes, readable, same, zero = _pages(file, sources, total, by_content=by_content)
    holes = _count(sum(source.facts.holes for source in sources))
    contents = distinct_contents(hashes, readable, holes, zero, same)
    table, stratum = _sizes(file, contents, names, page_size, sampled=bool(parameters["sample"]))
    measured = tuple(
        _measured(name, table[row], about)
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


def _check_columns(file: Any, names: list[str], *, old: bool, sampled: bool) -> None:
    """Refuse what is not of our types; any other columns are not read."""
    if not names:
        raise ValueError("it has no algorithm")
    for name in names:
        if not is_known(name):
            raise ValueError(f"{name[:40]!r} is no algorithm")
    of_rows = _OLD_COLUMNS if old else _COLUMNS
    expected = of_rows | dict.fromkeys(names, "uint32" if old else "int32")
    if sampled:
        expected[STRATUM] = "int32"
    schema = file.schema_arrow
    for name, kind in expected.items():
        fields = schema.get_all_field_indices(name)
        if [str(schema.field(each).type) for each in fields] != [kind]:
            raise ValueError(f"it has not one column {name} of {kind}")


def _batches(file: Any, columns: list[str]) -> Iterator[Any]:
    for group in range(file.num_row_groups):  # reading several holds 35 MiB, one 2 MiB
        yield from file.iter_batches(
            batch_size=_ROWS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False
        )


def _values(batch: Any, name: str) -> tuple[NDArray[Any], Bools]:
    """A column, 0 where it has no value; and where it has one.

    Arrow's own to_numpy() would import pandas where it is installed, for 0.3 s.
    """
    column = batch.column(name)
    part = slice(column.offset, column.offset + len(column))
    bits, data = column.buffers()
    values = np.frombuffer(data, dtype=str(column.type))[part]
    if not column.null_count:
        return values, np.ones(len(values), dtype=np.bool_)
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[part].view(np.bool_)
    return np.where(valid, values, 0), valid


def _whole(batch: Any, name: str) -> NDArray[Any]:
    """A column that has a value in every row."""
    values, valid = _values(batch, name)
    if not valid.all():
        raise ValueError(f"a row without {name}")
    return values


def _old_pages(
    file: Any, sources: tuple[SourceRows, ...], total: int
) -> tuple[U64, Bools, list[U64]]:
    """Of schema 1: the hash of each page, whether it was readable, those of same-filled pages."""
    hashes, readable = np.zeros(total, dtype=np.uint64), np.zeros(total, dtype=np.bool_)
    same: list[U64] = []
    first = np.array([source.first for source in sources], dtype=np.int64)
    pages = np.array([source.pages for source in sources], dtype=np.uint64)
    for batch in _batches(file, list(_OLD_COLUMNS)):
        number, page = _whole(batch, "source"), _whole(batch, "page")
        if (number >= len(sources)).any() or (page >= pages[number]).any():
            raise ValueError("a row lies outside its source")
        at = first[number] + page.astype(np.int64)
        digest = _whole(batch, "hash")
        hashes[at], readable[at] = digest, True
        alike = _whole(batch, "kind") == SAME_FILLED
        same.append(first_of_each(digest[alike])[0])
    return hashes, readable, same


def _pages(
    file: Any, sources: tuple[SourceRows, ...], total: int, *, by_content: bool
) -> tuple[U64, Bools, list[U64], int]:
    """The hash of each page, whether it was readable, the hashes of same-filled pages, and that of
    zero pages (0 where there are none).

    Rows by content have no order of pages: they are put one behind the other in their source.
    """
    hashes, readable = np.zeros(total, dtype=np.uint64), np.zeros(total, dtype=np.bool_)
    same: list[U64] = []
    zero = 0
    first = np.array([source.first for source in sources], dtype=np.int64)
    pages = np.array([source.pages for source in sources], dtype=np.int64)
    holes = np.array([source.facts.holes for source in sources], dtype=np.int64)
    used = np.zeros(len(sources), dtype=np.int64)
    for batch in _batches(file, list(_COLUMNS)):
        number, number_of = _whole(batch, "source"), _whole(batch, "pages")
        kind, digest = _whole(batch, "kind"), unsigned(_whole(batch, "hash"))
        if ((number < 0) | (number >= len(sources))).any() or (number_of < 1).any():
            raise ValueError("a row lies outside its source")
        if ((kind < ZERO) | (kind > DATA)).any():
            raise ValueError("a row of no kind")
        same.append(first_of_each(digest[kind == SAME_FILLED])[0])
        if (kind == ZERO).any():
            zero = int(digest[kind == ZERO][0])
        if by_content:
            for source in np.unique(number).tolist():
                rows = number == source
                times = number_of[rows] - np.where(kind[rows] == ZERO, holes[source], 0)
                begin = int(first[source] + used[source])
                used[source] += int(times.sum())
                if (times < 0).any() or (times > total).any() or used[source] > pages[source]:
                    raise ValueError("a row lies outside its source")
                end = int(first[source] + used[source])
                hashes[begin:end] = np.repeat(digest[rows], times)
                readable[begin:end] = True
            continue
        page, alone = _values(batch, "page")
        if (kind[~alone] != ZERO).any() or (number_of[alone] != 1).any():
            raise ValueError("a row of several pages")
        if ((page < 0) | (page >= np.maximum(pages[number], 1))).any():
            raise ValueError("a row lies outside its source")
        at = first[number[alone]] + page[alone]
        if readable[at].any() or len(np.unique(at)) < len(at):
            raise ValueError("two rows are of one page")
        hashes[at], readable[at] = digest[alone], True
    return hashes, readable, same, zero


def _sizes(
    file: Any, contents: Contents, names: list[str], page_size: int, *, sampled: bool
) -> tuple[Sizes, NDArray[np.int32] | None]:
    """A row an algorithm, a column a content; and of a sample the stratum of each content.

    The file is read a second time for them: kept from the first, they would take as much as all
    else.
    """
    table = np.zeros((len(names), len(contents.hash)), dtype=size_type(page_size))
    stratum = np.full(len(contents.hash), -1, dtype=np.int32) if sampled else None
    for batch in _batches(file, ["hash", *names, *([STRATUM] if sampled else [])]):
        digest = _whole(batch, "hash")
        if digest.dtype == np.int64:
            digest = unsigned(digest)
        at = np.minimum(contents_numbers(contents, digest), len(contents.hash) - 1)
        if not (contents.hash[at] == digest).all():
            raise ValueError("a size of no page")
        for row, name in enumerate(names):
            sizes, _ = _values(batch, name)
            if (sizes < 0).any():
                raise ValueError("a size below zero")
            table[row, at] = np.minimum(sizes, page_size + 1)
        if stratum is not None:
            strata = _whole(batch, STRATUM)
            if ((strata < -1) | (strata >= len(stratum))).any():
                raise ValueError("a stratum that is no number of one")
            stratum[at] = strata
    table[:, contents.zero] = 0
    return table, stratum


def _sources(described: list[dict[str, Any]]) -> tuple[SourceRows, ...]:
    sources: list[SourceRows] = []
    first = 0
    for each in described:
        facts, pages = each["facts"], _count(each["pages"])
        facts = Facts(
            str(facts["name"]),
            SourceKind(facts["kind"]),
            _count(facts["absent"], _MOST_ABSENT),
            _count(facts["swapped"], _MOST_ABSENT),
            _count(facts["unreadable"], _MOST_ABSENT),
            _count(facts["holes"]),
            _count(facts.get("thp", 0)),
            bool(facts["incomplete"]),
            tuple(map(str, facts["warnings"])),
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


def _measured(name: str, sizes: Sizes, about: dict[str, Any]) -> Measured:
    algorithm, variant = variant_of(name)
    error = _share(about["relative_error"])
    return Measured(algorithm, sizes, _cost(about["cost"]), error, variant)


def _cost(cost: dict[str, Any] | None) -> Cost | None:
    if not cost:
        return None
    return Cost(_within(cost["compress_ns"], _MOST_NS), _within(cost["decompress_ns"], _MOST_NS))


def _count(value: Any, most: int = _MOST_PAGES) -> int:
    number = int(value)
    if not 0 <= number <= most:
        raise ValueError(f"{number} pages")
    return number


def _share(value: Any) -> float:
    return _within(value, 1.0)


def _within(value: Any, most: float) -> float:
    number = float(value)
    if not 0 <= number <= most:
        raise ValueError(f"{number} is not from 0 to {most:g}")
    return number


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
