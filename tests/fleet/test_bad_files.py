"""Files that cannot be counted: one line that names the file, and nothing of it in the sums."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from ghostswap.census.salt import Salt
from ghostswap.errors import GhostswapError
from ghostswap.fleet.engine import Engine
from ghostswap.fleet.inventory import census_files, take_stock
from ghostswap.fleet.survey import Fleet, survey
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from tests.fleets import TAKEN, census_of, save_host

RULES = rules_for(KernelVersion.parse("6.12"), {})
FIXTURES = Path(__file__).parents[1] / "fixtures"
Damage = Callable[[Path], None]


def asked(engine: Engine, *paths: Path, skip_bad: bool = False) -> Fleet:
    inventory = take_stock(census_files(paths), skip_bad=skip_bad)
    return survey(inventory, engine, RULES, skip_bad=skip_bad)


def pages(seed: int) -> NDArray[np.uint64]:
    draw = np.random.default_rng(seed)
    common = np.random.default_rng(0).integers(1000, 1 << 63, 500, dtype=np.uint64)
    own = draw.integers(1000, 1 << 63, 3000, dtype=np.uint64)
    return np.concatenate([own, own[:300], common, np.zeros(50, np.uint64)])


def host(path: Path, number: int, **how: Any) -> Path:
    return save_host(path, census_of([pages(number)]), f"host{number}", **how)


def changed(**columns: Callable[[Any], Any]) -> Damage:
    """The file with other values in some columns."""

    def change(path: Path) -> None:
        table = pyarrow.parquet.read_table(path)
        metadata = table.schema.metadata
        for name, of in columns.items():
            at = table.schema.get_field_index(name)
            values = pyarrow.array(of(table.column(name).to_pandas().to_numpy(copy=True)))
            table = table.set_column(at, name, values.cast(table.schema.field(at).type))
        pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)

    return change


def says(**parameters: Any) -> Damage:
    """The file with other parameters in its metadata."""

    def change(path: Path) -> None:
        table = pyarrow.parquet.read_table(path)
        metadata = dict(table.schema.metadata)
        about = json.loads(metadata[b"ghostswap.parameters"])
        metadata[b"ghostswap.parameters"] = json.dumps(about | parameters).encode()
        pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)

    return change


def holds(content: Callable[[bytes], bytes]) -> Damage:
    def change(path: Path) -> None:
        path.write_bytes(content(path.read_bytes()))

    return change


def first(value: Any) -> Callable[[Any], Any]:
    """The same column with another value in its first row."""

    def of(column: Any) -> Any:
        column[0] = value
        return column

    return of


def without(column: str) -> Damage:
    def change(path: Path) -> None:
        table = pyarrow.parquet.read_table(path)
        pyarrow.parquet.write_table(table.drop_columns([column]), path)

    return change


def as_text(path: Path) -> None:
    table = pyarrow.parquet.read_table(path)
    at = table.schema.get_field_index("hash")
    text = table.column("hash").cast(pyarrow.string())
    pyarrow.parquet.write_table(
        table.set_column(at, "hash", text).replace_schema_metadata(table.schema.metadata), path
    )


def too_many_pages(path: Path) -> None:
    about = json.loads(
        pyarrow.parquet.read_schema(path).metadata[b"ghostswap.parameters"],
    )
    says(totals=about["totals"] | {"data_pages": about["totals"]["data_pages"] + 1})(path)


DAMAGES: dict[str, Damage] = {
    "empty": holds(lambda data: b""),
    "no Parquet": holds(lambda data: b"host,pages\n" * 100),
    "truncated": holds(lambda data: data[: len(data) // 2]),
    "magic alone": holds(lambda data: b"PAR1"),
    "footer too long": holds(lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1"),
    "zeros in its hashes": holds(
        lambda data: data[: len(data) // 3] + bytes(300) + data[len(data) // 3 + 300 :]
    ),
    "schema 1": holds(lambda data: (FIXTURES / "census-1.parquet").read_bytes()),
    "of nobody's schema": lambda path: pyarrow.parquet.write_table(
        pyarrow.table({"hash": [1]}), path
    ),
    "a column missing": without("copies"),
    "a column of text": as_text,
    "deeply nested": lambda path: _raw(path, b"[" * 100_000),
    "no JSON": lambda path: _raw(path, b"{"),
    "a list": lambda path: _raw(path, b"[]"),
    "another page size": says(page_size=16384),
    "a page size that none has": says(page_size=1000),
    "a host of control characters": says(host="\x1b[31mhost"),
    "a host that is a number": says(host=7),
    "interrupted": says(partial=True),
    "of --quick": says(sample={"error": 0.01, "heavy_from": 2}),
    "no time": says(taken="yesterday"),
    "no time zone": says(taken="2026-11-21T12:00:00"),
    "an algorithm that is SQL": says(algorithms={'lz4"; DROP': {"relative_error": 0}}),
    "an error that is no number": says(algorithms={"lz4": {"relative_error": float("nan")}}),
    "a sample it is not": says(one_in=-1),
    "more pages than it has": too_many_pages,
    "fewer than no pages": says(totals={"zero_pages": -1}),
    "more pages than there are": says(ram_bytes=1 << 70),
    "rows of another host": changed(host=first("host0")),
    "rows of nobody": changed(host=first(None)),
    "a copy more": changed(copies=lambda column: column + (column > 0)),
    "copies beyond 64 bits": changed(copies=lambda column: column * 0 + (1 << 62)),
    "copies below zero": changed(copies=lambda column: -column),
    "a kind that is none": changed(kind=first(9)),
    "sizes beyond a page": changed(lz4=lambda column: [99_999] * len(column)),
    "no sizes": changed(lz4=lambda column: [None] * len(column)),
}


def _raw(path: Path, parameters: bytes) -> None:
    table = pyarrow.parquet.read_table(path)
    metadata = dict(table.schema.metadata) | {b"ghostswap.parameters": parameters}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_bad_file_is_named_or_left_out(damage: Damage, tmp_path: Path, duckdb: Engine) -> None:
    good = [host(tmp_path / f"good{i}.parquet", i) for i in (0, 2, 3)]
    bad = host(tmp_path / "bad.parquet", 1)
    damage(bad)
    with pytest.raises(GhostswapError) as refusal:
        asked(duckdb, *good[:2], bad, good[2])
    line = str(refusal.value)
    assert str(bad) in line
    assert line.isprintable()
    assert not any(str(each) + ":" in line for each in good)
    alone, among = asked(duckdb, *good), asked(duckdb, tmp_path, skip_bad=True)
    assert [str(bad) in str(error) for error in among.left_out] == [True]
    assert among.systems == alone.systems
    assert among.hosts == alone.hosts
    assert (among.holders, among.pairs) == (alone.holders, alone.pairs)


@pytest.mark.parametrize("name", ["missing.parquet", "folder", "fifo"])
def test_what_is_no_file_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(GhostswapError, match=name):
        take_stock(census_files([tmp_path / name]), skip_bad=False)


def test_the_odd_one_out_is_left_out_though_it_comes_first(tmp_path: Path, duckdb: Engine) -> None:
    odd = host(tmp_path / "a.parquet", 0, salt=Salt(b"another"))
    good = [host(tmp_path / f"b{i}.parquet", i) for i in (1, 2)]
    with pytest.raises(GhostswapError, match=r"a\.parquet: was saved with another salt than .*b1"):
        asked(duckdb, tmp_path)
    surveyed = asked(duckdb, tmp_path, skip_bad=True)
    assert [str(odd) in str(error) for error in surveyed.left_out] == [True]
    assert surveyed.systems == asked(duckdb, *good).systems


def test_a_damaged_earlier_census_costs_its_step_alone(tmp_path: Path, duckdb: Engine) -> None:
    for number in (0, 1):
        for days in range(3):
            taken = TAKEN + timedelta(days=days)
            host(tmp_path / f"{number}-{days}.parquet", number, taken=taken)
    bad = tmp_path / "1-0.parquet"
    DAMAGES["zeros in its hashes"](bad)
    with pytest.raises(GhostswapError, match=r"1-0\.parquet: is damaged"):
        asked(duckdb, tmp_path)
    surveyed = asked(duckdb, tmp_path, skip_bad=True)
    assert [(step.host, step.taken.day) for step in surveyed.steps] == [
        ("host0", 22),
        ("host0", 23),
        ("host1", 23),
    ]
    assert [str(bad) in str(error) for error in surveyed.left_out] == [True]
    assert len(surveyed.hosts) == 2


def test_a_weight_that_no_sample_has(tmp_path: Path, duckdb: Engine) -> None:
    host(tmp_path / "good.parquet", 0, one_in=4)
    changed(weight=first(3))(host(tmp_path / "bad.parquet", 1, one_in=4))
    with pytest.raises(GhostswapError, match=r"bad\.parquet: it has rows of another weight"):
        asked(duckdb, tmp_path)


def test_when_all_are_bad_the_first_is_named(tmp_path: Path, duckdb: Engine) -> None:
    bad = host(tmp_path / "bad.parquet", 1)
    DAMAGES["truncated"](bad)
    with pytest.raises(GhostswapError, match=r"bad\.parquet"):
        asked(duckdb, bad, skip_bad=True)
    host(bad, 1)
    DAMAGES["a copy more"](bad)
    with pytest.raises(GhostswapError, match=r"bad\.parquet"):
        asked(duckdb, bad, skip_bad=True)


def test_a_host_without_the_algorithm_of_most_is_named_or_left_out(tmp_path: Path) -> None:
    """And its older census does not count instead."""
    pages = [np.arange(1000, 1500, dtype=np.uint64)]
    odd = save_host(tmp_path / "0.parquet", census_of(pages, ["zstd:3"]), "host0")
    day_before = TAKEN - timedelta(days=1)
    old = save_host(tmp_path / "old.parquet", census_of(pages), "host0", taken=day_before)
    paths = [save_host(tmp_path / f"{i}.parquet", census_of(pages), f"host{i}") for i in (1, 2)]
    with pytest.raises(GhostswapError, match=r"0\.parquet: has zstd:3, and not lz4 as most"):
        take_stock([odd, old, *paths], skip_bad=False)
    found = take_stock([odd, old, *paths], skip_bad=True)
    assert [host.name for host in found.hosts] == ["host1", "host2"]
    assert [str(error).partition(":")[0] for error in found.left_out] == [str(odd)]
    assert not found.earlier


@pytest.mark.parametrize("kind", ["fifo", "dangling", "unreadable"])
def test_what_cannot_be_read_below_a_directory_is_said(kind: str, tmp_path: Path) -> None:
    save_host(tmp_path / "a.parquet", census_of([np.arange(1000, 1500, dtype=np.uint64)]), "a")
    inner = tmp_path / "inner"
    inner.mkdir()
    odd = inner / "b.parquet"
    if kind == "fifo":
        os.mkfifo(odd)
    elif kind == "dangling":
        odd.symlink_to(tmp_path / "gone")
    elif os.geteuid() == 0:
        pytest.skip("root reads every directory")
    else:
        inner.chmod(0)
    try:
        with pytest.raises(GhostswapError, match="inner"):
            take_stock(census_files([tmp_path]), skip_bad=False)
    finally:
        inner.chmod(0o700)
