"""A census from somebody else: refused in one line, or read in the memory of its rows."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from ghostswap.census.store import load
from ghostswap.errors import GhostswapError
from tests.faults.command import one_line, run
from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, estimate

ROWS = 1000
Columns = dict[str, Any]
Parameters = dict[str, Any]


def columns(rows: int, algorithm: str = "lz4") -> Columns:
    return {
        "source": np.zeros(rows, np.uint32),
        "page": np.arange(rows, dtype=np.uint64),
        "kind": np.full(rows, 2, np.uint8),
        "hash": np.arange(1, rows + 1, dtype=np.uint64),
        algorithm: np.full(rows, 100, np.uint32),
    }


def parameters(rows: int) -> Parameters:
    facts = {"name": "s", "kind": "raw", "incomplete": False, "warnings": []}
    facts |= dict.fromkeys(("absent", "swapped", "unreadable", "holes"), 0)
    return {
        "page_size": 4096,
        "partial": False,
        "zero_hash": None,
        "sample": None,
        "sources": [{"facts": facts, "pages": rows, "segments": []}],
        "algorithms": {"lz4": {"cost": None, "relative_error": 0.0}},
    }


def write(path: Path, cols: Columns, about: Parameters | str) -> Path:
    text = about if isinstance(about, str) else json.dumps(about)
    metadata = {
        "ghostswap.schema": "ghostswap.census/1",
        "ghostswap.salt": "0" * 16,
        "ghostswap.parameters": text,
    }
    table = pyarrow.table(cols).replace_schema_metadata(metadata)
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return path


def in_source(**values: object) -> Parameters:
    about = parameters(ROWS)
    about["sources"][0] |= values
    return about


def in_facts(**values: object) -> Parameters:
    about = parameters(ROWS)
    about["sources"][0]["facts"] |= values
    return about


def in_algorithm(**values: object) -> Parameters:
    about = parameters(ROWS)
    about["algorithms"]["lz4"] |= values
    return about


def sampled(stratum: int, error: float = 0.005, heavy_from: object = 5) -> tuple[Columns, Any]:
    about = parameters(ROWS) | {"sample": {"error": error, "heavy_from": heavy_from}}
    return columns(ROWS) | {"stratum": np.full(ROWS, stratum, np.int32)}, about


NO_NUMBERS = [float("inf"), float("nan"), -1, "x", 10**30, [], {}, 2.0**70]
ABOUT: dict[str, Parameters | str] = {
    "deep": '{"page_size":' + "[" * 100_000 + "]" * 100_000 + "}",
    "many values": json.dumps(parameters(ROWS) | {"more": [0] * 300_000}),
    "a list": "[]",
    "long number": json.dumps(parameters(ROWS)).replace("4096", "9" * 5000),
    "no algorithm": parameters(ROWS) | {"algorithms": {}},
    "no sources": parameters(ROWS) | {"sources": []},
    "large zero": parameters(ROWS) | {"zero_hash": "f" * 17},
    "negative zero": parameters(ROWS) | {"zero_hash": "-1"},
    "overlapping": in_source(segments=[[0, ROWS, "heap"], [0, ROWS, "heap"]]),
    "outside": in_source(segments=[[0, ROWS + 1, "heap"]]),
    "backwards": in_source(segments=[[500, 500, "heap"], [0, 500, "heap"]]),
    "holes": in_facts(holes=2**60),
    "large cost": in_algorithm(cost={"compress_ns": 1e308, "decompress_ns": 1}),
    "negative cost": in_algorithm(cost={"compress_ns": -1, "decompress_ns": 1}),
    "large error": in_algorithm(relative_error=1e308),
    **{f"pages {value!r:.8}": in_source(pages=value) for value in NO_NUMBERS},
    **{f"holes {value!r:.8}": in_facts(holes=value) for value in NO_NUMBERS},
    **{f"page_size {value!r:.8}": parameters(ROWS) | {"page_size": value} for value in NO_NUMBERS},
    **{f"error {value!r:.8}": in_algorithm(relative_error=value) for value in NO_NUMBERS},
}
COLUMNS: dict[str, tuple[Columns, Any]] = {
    "strings": (columns(ROWS) | {"hash": ["a"] * ROWS}, parameters(ROWS)),
    "signed": (columns(ROWS) | {"page": np.arange(ROWS)}, parameters(ROWS)),
    "floats": (columns(ROWS) | {"page": np.arange(ROWS) * 1.0}, parameters(ROWS)),
    "nulls": (
        columns(ROWS) | {"hash": pyarrow.array([None] * ROWS, pyarrow.uint64())},
        parameters(ROWS),
    ),
    "one page twice": (
        columns(ROWS) | {"page": np.zeros(ROWS, dtype=np.uint64)},
        parameters(ROWS),
    ),
    "negative strata": sampled(-5),
    "strata beyond": sampled(ROWS),
    "heavy 0": sampled(0, heavy_from=0),
    "heavy 2^70": sampled(0, heavy_from=2**70),
    "heavy inf": sampled(0, heavy_from=float("inf")),
    "asked nan": sampled(0, error=float("nan")),
}


def test_what_the_others_differ_from_is_read(tmp_path: Path) -> None:
    census = load(write(tmp_path / "c", columns(ROWS), parameters(ROWS)))
    assert len(census.contents.hash) == ROWS
    assert load(write(tmp_path / "s", *sampled(0))).sample is not None


@pytest.mark.parametrize("about", ABOUT.values(), ids=ABOUT)
def test_parameters_that_cannot_be_are_refused(about: Parameters | str, tmp_path: Path) -> None:
    with pytest.raises(GhostswapError, match="is no readable census"):
        load(write(tmp_path / "c", columns(ROWS), about))


@pytest.mark.parametrize("case", COLUMNS.values(), ids=COLUMNS)
def test_columns_that_cannot_be_are_refused(case: tuple[Columns, Any], tmp_path: Path) -> None:
    with pytest.raises(GhostswapError, match="is no readable census"):
        load(write(tmp_path / "c", *case))


@pytest.mark.parametrize("name", ["lz4; touch x", "lz4\nrm", "\x1b]0;x\x07", "hash", "A" * 99_999])
def test_an_algorithm_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    about = copy.deepcopy(parameters(ROWS))
    about["algorithms"] = {name: {"cost": None, "relative_error": 0.0}}
    done = run("estimate-dedup", write(tmp_path / "c", columns(ROWS, name), about))
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr)
    assert len(done.stderr) < 400
    assert "internal error" not in done.stderr


@pytest.mark.parametrize("name", ["zstd:9", "zstd:-5", "lz4@kernel", "deflate:9@kernel", "842"])
def test_every_algorithm_that_can_be_measured_is_read(name: str, tmp_path: Path) -> None:
    about = parameters(ROWS)
    about["algorithms"] = {name: {"cost": None, "relative_error": 0.0}}
    assert load(write(tmp_path / "c", columns(ROWS, name), about)).measured[0].name == name


def more_columns(cols: Columns) -> Columns:
    zeros = np.zeros(len(cols["page"]), np.int64)
    return cols | {f"more{number}": zeros for number in range(150)}


@pytest.mark.parametrize("change", [more_columns, dict], ids=["more columns", "as it is"])
def test_memory_is_that_of_the_rows(change: Callable[[Columns], Columns], tmp_path: Path) -> None:
    rows = 500_000
    ran = estimate(write(tmp_path / "c", change(columns(rows)), parameters(rows)))
    assert ran.status == 0, ran.errors
    assert ran.peak < FIXED_BYTES + BYTES_A_PAGE * rows
