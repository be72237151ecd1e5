"""Writing a census as a Parquet file (schema 2, docs/census.md), for any engine of SQL to read."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ghostswap.census.codecs import is_known
from ghostswap.census.columns import Origin, Reduction, Rows, checksum, saved_rows
from ghostswap.census.salt import Salt
from ghostswap.census.table import Census, Contents
from ghostswap.errors import GhostswapError
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
    fields = [
        ("host", arrow.string()),
        ("taken", arrow.timestamp("us", tz="UTC")),
        ("kernel", arrow.string()),
        ("source", arrow.int32()),
        ("name", arrow.string()),
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
    names = arrow.array([source.facts.name for source in census.sources], arrow.string())
    repeated = [column for column in schema.names if column != "hash"]
    with (
        replaced_whole(path) as file,
        parquet.ParquetWriter(
            file,
            schema,
            compression="zstd",
            use_dictionary=repeated,
            write_page_checksum=True,
            # Arrow's own copy of the schema would hold all parameters once more.
            store_schema=False,
        ) as writer,
    ):
        hashes = 0
        for rows in saved_rows(census, salt, reduction):
            writer.write_table(_table(arrow, schema, rows, names, origin))
            hashes += checksum(rows.hash[rows.copies > 0])
        writer.add_key_value_metadata({**metadata, HASHES: str(hashes)})


def _table(arrow: Any, schema: Any, rows: Rows, names: Any, origin: Origin) -> Any:
    number = len(rows.hash)
    taken = arrow.scalar(origin.taken, arrow.timestamp("us", tz="UTC"))
    columns = [
        arrow.repeat(origin.host, number),
        arrow.repeat(taken, number),
        arrow.repeat(origin.kernel, number),
        rows.source,
        names.take(arrow.array(rows.source)),
        arrow.array(rows.page, mask=rows.page < 0),
        rows.pages,
        rows.kind,
        rows.hash,
        rows.copies,
        rows.weight,
        *(arrow.array(sizes.astype(np.int32), mask=sizes == 0) for sizes in rows.sizes),
    ]
    if rows.stratum is not None:
        columns.append(rows.stratum)
    return arrow.Table.from_arrays([arrow.array(each) for each in columns], schema=schema)


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
        raise GhostswapError(
            "census files", "need pyarrow: pip install 'ghostswap[census]'"
        ) from None
    return arrow, parquet
