"""Writing a census as a Parquet file (schema 2, docs/census.md), for any engine of SQL to read."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.codecs import is_known
from ghostswap.census.columns import Origin, Reduction, Rows, checksum, saved_rows
from ghostswap.census.salt import Salt
from ghostswap.census.table import Bools, Census, Contents
from ghostswap.errors import GhostswapError
from ghostswap.extras import missing
from ghostswap.files import replaced_whole

SCHEMA = "ghostswap.census/2"
MAGIC = b"PAR1"
# What every census has; a column for each algorithm follows, of a --quick sample also its strata.
COLUMNS = (
    "host",
    "taken",
    "kernel",
    "source",
    "name",
    "page",
    "pages",
    "kind",
    "hash",
    "copies",
    "weight",
)
STRATUM = "stratum"
# The checksum of all hashes of rows with copies.
HASHES = "ghostswap.hashes"


def write(
    census: Census, path: Path, salt: Salt | None, origin: Origin, reduction: Reduction
) -> None:
    """Write a census to `path`, whole or not at all; `salt` is None where its hashes have one.

    Raises GhostswapError where it cannot be written, or pyarrow is not installed.
    """
    arrow, parquet = pyarrow()
    for each in census.measured:
        if not is_known(each.name):
            raise GhostswapError(path, f"a census cannot hold sizes by {each.name}")
    text = arrow.dictionary(arrow.int32(), arrow.string())  # of few values; saved as a string
    fields = [
        ("host", text),
        ("taken", arrow.timestamp("us", tz="UTC")),
        ("kernel", text),
        ("source", arrow.int32()),
        ("name", text),
        ("page", arrow.int64()),
        ("pages", arrow.int64()),
        ("kind", arrow.int8()),
        ("hash", arrow.int64()),
        ("copies", arrow.int64()),
        ("weight", arrow.int32()),
        *((each.name, arrow.int32()) for each in census.measured),
    ]
    if census.sample is not None:
        fields.append((STRATUM, arrow.int32()))
    metadata = {
        "ghostswap.schema": SCHEMA,
        "ghostswap.salt": salt.fingerprint if salt is not None else census.salt,
        "ghostswap.parameters": json.dumps(parameters(census, origin, reduction)),
    }
    schema = arrow.schema(fields)
    names = [source.facts.name for source in census.sources]
    with (
        replaced_whole(path) as file,
        parquet.ParquetWriter(
            file,
            schema,
            **_encodings(schema.names, reduction),
            write_page_checksum=True,
            # Arrow's own copy of the schema would hold all parameters once more.
            store_schema=False,
        ) as writer,
    ):
        hashes = 0
        with _Behind() as behind:
            for rows in saved_rows(census, salt, reduction):
                batch = _batch(arrow, schema.names, rows, names, origin)
                behind.do(partial(writer.write_batch, batch))
                hashes += checksum(rows.hash[rows.copies > 0])
        writer.add_key_value_metadata({**metadata, HASHES: str(hashes)})


class _Behind:
    """Does one thing at a time in a thread, while the next is made ready; a failure is raised by
    what comes after it. (Executors do the same, and take longer to load than they save here.)"""

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self._wait()  # also after a signal: what is written to is closed next
        if error is None and self._error is not None:
            raise self._error

    def do(self, work: Callable[[], object]) -> None:
        """Begin it when what was begun before is done."""
        self._wait()
        if self._error is not None:
            raise self._error

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self._error = error

        self._thread = Thread(target=run)
        self._thread.start()

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()


def _encodings(columns: list[str], reduction: Reduction) -> dict[str, Any]:
    """The cheapest encoding of each column: 20 ms for 2^18 rows, where dictionaries and zstd for
    all took 86 ms and a fifth more room.

    Numbers of pages follow each other, and so do hashes by content; in the order of pages these are
    random. All else repeats itself.
    """
    ascending = ["page"] if reduction.in_order else ["page", "hash"]
    encodings = dict.fromkeys(ascending, "DELTA_BINARY_PACKED")
    return {
        "compression": "none",
        "column_encoding": encodings or None,
        "use_dictionary": [name for name in columns if name not in ("page", "hash")],
    }


def _batch(arrow: Any, columns: list[str], rows: Rows, names: list[str], origin: Origin) -> Any:
    """The rows as Arrow has them, over the memory that they are in.

    arrow.array() of a NumPy array would import pandas where it is installed, for 0.3 s.
    """

    def column(kind: Any, values: NDArray[Any], valid: Bools | None = None) -> Any:
        bits = None if valid is None else arrow.py_buffer(np.packbits(valid, bitorder="little"))
        return arrow.Array.from_buffers(kind, len(values), [bits, arrow.py_buffer(values)])

    def texts(which: NDArray[np.int32], distinct: list[str]) -> Any:
        encoded = [text.encode() for text in distinct]
        ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
        buffers = [None, arrow.py_buffer(ends), arrow.py_buffer(b"".join(encoded))]
        known = arrow.Array.from_buffers(arrow.string(), len(encoded), buffers)
        return arrow.DictionaryArray.from_arrays(column(arrow.int32(), which), known)

    first = np.zeros_like(rows.source)
    since_1970 = origin.taken - datetime(1970, 1, 1, tzinfo=UTC)
    taken = np.full(len(first), since_1970 // timedelta(microseconds=1), dtype=np.int64)
    arrays = [
        texts(first, [origin.host]),
        column(arrow.timestamp("us", tz="UTC"), taken),
        texts(first, [origin.kernel]),
        column(arrow.int32(), rows.source),
        texts(rows.source, names),
        column(arrow.int64(), rows.page, rows.page >= 0),
        column(arrow.int64(), rows.pages),
        column(arrow.int8(), rows.kind),
        column(arrow.int64(), rows.hash),
        column(arrow.int64(), rows.copies),
        column(arrow.int32(), rows.weight),
        *(column(arrow.int32(), sizes.astype(np.int32), sizes > 0) for sizes in rows.sizes),
    ]
    if rows.stratum is not None:
        arrays.append(column(arrow.int32(), rows.stratum))
    return arrow.RecordBatch.from_arrays(arrays, columns)


def parameters(census: Census, origin: Origin, reduction: Reduction) -> dict[str, Any]:
    """What a file says of its census besides the rows: plain data."""
    sample = census.sample
    return {
        "host": origin.host,
        "taken": origin.taken.isoformat(),
        "kernel": origin.kernel,
        "ram_bytes": origin.ram_bytes,
        "page_size": census.page_size,
        "private": reduction.private,
        "one_in": reduction.one_in,
        "totals": totals(census.contents),
        "partial": census.partial,
        "sample": {"error": sample.error, "heavy_from": sample.heavy_from} if sample else None,
        "sources": [
            {
                "facts": asdict(source.facts),
                "pages": source.pages,
                "segments": [[s.first, s.pages, str(s.mapping), s.holes] for s in source.segments]
                if reduction.in_order
                else [],
            }
            for source in census.sources
        ],
        "algorithms": {
            each.name: {
                "cost": asdict(each.cost) if each.cost else None,
                "relative_error": each.relative_error,
            }
            for each in census.measured
        },
    }


def totals(contents: Contents) -> dict[str, int]:
    """Pages and contents of each kind, of all that was counted: also where a sample is saved."""
    same, data = contents.same_filled, contents.data
    return {
        "zero_pages": contents.pages_of(contents.zero),
        "same_filled_pages": contents.pages_of(same),
        "same_filled_contents": int(np.count_nonzero(same)),
        "data_pages": contents.pages_of(data),
        "data_contents": int(np.count_nonzero(data)),
    }


def pyarrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet; GhostswapError where they are not installed.

    Arrow's own allocators keep what was freed: saving a million pages took 97 MiB more with them.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # read when Arrow is loaded
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise missing("a census file", "pyarrow", "census") from None
    return arrow, parquet
