"""`--save` and reading back: the same report, no contents, hashes that tell nothing."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from ghostswap.census.parquet import COLUMNS
from ghostswap.census.salt import new_salt
from tests.estimates import estimate, refusal

PAGE = 4096


def page(seed: int) -> bytes:
    """A page like no other: half noise, half zeros."""
    return random.Random(seed).randbytes(PAGE // 2) + bytes(PAGE // 2)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    draw = random.Random(7)
    pages = [page(draw.randrange(300)) for _ in range(700)]
    pages += [bytes(PAGE)] * 40 + [b"\7" * PAGE] * 9 + [random.Random(1).randbytes(PAGE)] * 3
    path = tmp_path / "pages.raw"
    path.write_bytes(b"".join(pages))
    return path


def figures(document: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on how the pages were read; hashes of examples have a salt."""
    kept = {key: document[key] for key in ("pages", "systems", "page_size", "groups", "mode")}
    kept["histogram"] = document["dedup"]["histogram"]
    kept["shared"] = document["dedup"]["shared_between_sources_pages"]
    kept["sources"] = document["sources"]
    kept["algorithms"] = document["algorithms"]
    return kept


def test_a_saved_census_gives_the_same_report(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "c.parquet"
    both = ["--algorithm", "lz4", "--algorithm", "zstd", "--group-by", "source"]
    first = estimate(dump, *both, "--save", saved)
    assert figures(estimate(saved, "--group-by", "source")) == figures(first)
    only = estimate(saved, "--algorithm", "zstd")
    assert set(only["algorithms"]) == {"zstd"}


def test_censuses_together_give_the_report_on_the_dumps(dump: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.raw"
    other.write_bytes(b"".join(page(i) for i in range(250, 400)) + bytes(5 * PAGE))
    a, b = tmp_path / "a.parquet", tmp_path / "b.parquet"
    key = tmp_path / "key"
    estimate(dump, "--save", a, "--new-salt-file", key)
    estimate(other, "--save", b, "--salt-file", key)
    together = estimate(a, b)
    on_dumps = estimate(dump, other)
    for document in (together, on_dumps):
        for costs in document["algorithms"].values():
            del costs["compress_ns_per_page"], costs["decompress_ns_per_page"]
    assert figures(together) == figures(on_dumps)
    assert together["dedup"]["shared_between_sources_pages"] > 0


def test_hashes_tell_nothing_without_the_salt(dump: Path, tmp_path: Path) -> None:
    names = ["random1", "random2", "same1", "same2"]
    new_salt(tmp_path / "key")
    for name in names:
        salt = ["--salt-file", tmp_path / "key"] if name.startswith("same") else []
        estimate(dump, "--save", tmp_path / name, *salt)
    hashes = {
        name: pyarrow.parquet.read_table(tmp_path / name).column("hash").to_pylist()
        for name in names
    }
    assert not set(hashes["random1"]) & set(hashes["random2"])
    assert hashes["same1"] == hashes["same2"]
    assert page(3)[:16] not in (tmp_path / "same1").read_bytes()
    assert "salt" in refusal(tmp_path / "random1", tmp_path / "random2")


def test_a_saved_census_describes_itself(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "c.parquet"
    estimate(dump, "--save", saved)
    file = pyarrow.parquet.ParquetFile(saved)
    metadata = file.schema_arrow.metadata
    assert metadata[b"ghostswap.schema"] == b"ghostswap.census/2"
    assert len(metadata[b"ghostswap.salt"]) == 16
    assert json.loads(metadata[b"ghostswap.parameters"])["page_size"] == PAGE
    assert file.schema_arrow.names == [*COLUMNS, "lz4"]
    assert file.metadata.num_rows == 752
    assert saved.stat().st_mode & 0o777 == 0o600


def test_saving_loads_no_pandas_and_takes_ten_bytes_for_a_page(tmp_path: Path) -> None:
    """Arrow loads pandas where it may, and that takes three times as long as saving 1 GiB."""
    pytest.importorskip("pandas")
    pages = np.random.default_rng(1).integers(0, 256, (20_000, 64), dtype=np.uint8)
    np.pad(pages, ((0, 0), (0, PAGE - 64))).tofile(tmp_path / "large.raw")
    command = [sys.executable, "-X", "importtime", "-m", "ghostswap", "estimate-dedup"]
    command += [f"{tmp_path}/large.raw", "--quiet", "--save", f"{tmp_path}/c.parquet"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    imported = [line.split("|")[-1].strip() for line in done.stderr.splitlines()]
    assert "pyarrow.parquet" in imported
    assert "pandas" not in imported
    assert (tmp_path / "c.parquet").stat().st_size < 10 * len(pages)


def test_a_census_that_the_disk_does_not_take_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "large.raw").write_bytes(b"".join(map(page, range(4000))))
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "large.raw", "--save", "kept"]
    limited = ["sh", "-c", 'ulimit -f 16; exec "$@"', "sh", *command]
    done = subprocess.run(limited, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "ghostswap: kept: File too large\n"
    assert [each.name for each in tmp_path.iterdir()] == ["large.raw"]


def test_what_is_read_is_not_saved_over(dump: Path, tmp_path: Path) -> None:
    key, link, saved = tmp_path / "key", tmp_path / "link", tmp_path / "c.parquet"
    new_salt(key)
    link.symlink_to(dump)
    (tmp_path / "hard").hardlink_to(key)
    estimate(dump, "--save", saved)
    before = {path: path.read_bytes() for path in (dump, key, saved)}
    for source, over, *salt in (
        (dump, dump),
        (dump, link),
        (saved, saved),
        (dump, key, "--salt-file", key),
        (dump, tmp_path / "hard", "--salt-file", key),
        (dump, tmp_path / "new", "--new-salt-file", tmp_path / "new"),
    ):
        assert "what is read, or the key" in refusal(source, "--save", over, *salt)
    assert before == {path: path.read_bytes() for path in before}
    assert not (tmp_path / "new").exists()


def test_a_quick_census_keeps_its_error(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "c.parquet"
    first = estimate(dump, "--quick", "--save", saved)
    again = estimate(saved)
    assert figures(again) == figures(first)
    other = tmp_path / "d.parquet"
    estimate(dump, "--save", other)
    assert refusal(saved, other)


def test_a_saved_sample_knows_where_its_contents_lie(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    pages = draw.integers(1, 256, (24_000, PAGE), dtype=np.uint8)
    # Neighbours are alike: nearly as much of each is random.
    noise = np.repeat(draw.integers(100, PAGE - 400, 240), 100) + draw.integers(0, 400, 24_000)
    pages[np.arange(PAGE) > noise[:, np.newaxis]] = 0
    large, saved = tmp_path / "large.raw", tmp_path / "sample.parquet"
    pages.tofile(large)
    first = estimate(large, "--quick", "--error", "2%", "--save", saved)
    lz4 = first["algorithms"]["lz4"]
    assert 3000 < lz4["compressed_pages"] < 8000
    assert 0.0005 < lz4["relative_error"] < 0.02
    again = estimate(saved)
    # Sums in another order: the salt gives the contents another one.
    assert again["algorithms"]["lz4"] == pytest.approx(lz4)
    for one, other in zip(again["systems"], first["systems"], strict=True):
        assert one.pop("as_swap", None) == other.pop("as_swap", None)
        assert one == pytest.approx(other)
    strata = pyarrow.parquet.read_table(saved)["stratum"].to_numpy()
    assert len(np.unique(strata)) > 100


def test_saving_replaces_a_file_whole_or_not_at_all(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "c.parquet"
    saved.write_text("old")
    estimate(dump, "--save", saved)
    assert saved.read_bytes()[:4] == b"PAR1"
    folder = tmp_path / "folder"
    folder.mkdir()
    assert "folder" in refusal(dump, "--save", folder)
    assert "nowhere" in refusal(dump, "--save", tmp_path / "nowhere" / "c.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.parquet", "folder", "pages.raw"]


def test_what_is_no_census_is_one_line(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "c.parquet"
    estimate(dump, "--save", saved)
    whole = saved.read_bytes()
    damaged = tmp_path / "damaged.parquet"
    middle = len(whole) // 3  # in the hashes
    zeroed = whole[:middle] + bytes(200) + whole[middle + 200 :]
    for bad in (whole[: len(whole) // 2], b"PAR1", zeroed):
        damaged.write_bytes(bad)
        assert "damaged.parquet" in refusal(damaged)
    foreign = tmp_path / "foreign.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), foreign)
    assert "census" in refusal(foreign)
    assert "saved" in refusal(saved, dump, status=2)
    assert "--quick" in refusal(saved, "--quick", status=2)
    assert "zstd" in refusal(saved, "--algorithm", "zstd")
    key = tmp_path / "key"
    new_salt(key)
    assert "--save" in refusal(dump, "--salt-file", key, status=2)
    assert "already" in refusal(saved, "--salt-file", key, "--save", damaged, status=2)
    key.chmod(0o644)
    assert "others may use this key" in refusal(dump, "--save", saved, "--salt-file", key)
    assert saved.read_bytes() == whole


@pytest.mark.parametrize(
    ("key", "value"),
    [("page_size", 40), ("page_size", 0), ("sources", [{"pages": -1}]), ("algorithms", {"lz4": 1})],
)
def test_a_census_that_describes_itself_wrongly_is_one_line(
    key: str, value: object, dump: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "c.parquet"
    estimate(dump, "--save", saved)
    table = pyarrow.parquet.read_table(saved)
    metadata = table.schema.metadata
    parameters = json.loads(metadata[b"ghostswap.parameters"]) | {key: value}
    metadata[b"ghostswap.parameters"] = json.dumps(parameters).encode()
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), saved)
    assert "is no readable census" in refusal(saved)


def test_a_census_of_schema_1_is_read_as_it_was() -> None:
    old = Path(__file__).parents[1] / "fixtures" / "census-1.parquet"
    estimated = estimate(old)
    assert estimated["pages"] == {
        "total": 107,
        "zero": 4,
        "same_filled": 3,
        "data": 100,
        "distinct": 45,
        "duplicate": 55,
    }
    assert set(estimated["algorithms"]) == {"lz4", "zstd"}


def test_a_private_census_gives_the_same_pools_and_no_order(dump: Path, tmp_path: Path) -> None:
    whole, private = tmp_path / "whole", tmp_path / "private"
    first = estimate(dump, "--save", whole)
    estimate(dump, "--save", private, "--private")
    table = pyarrow.parquet.read_table(private)
    assert table.column("page").null_count == table.num_rows
    hashes = table.column("hash").to_numpy()
    assert (np.diff(hashes) > 0).all()  # by salted hash, which tells nothing
    again = estimate(private)
    assert again["pages"] == first["pages"]
    assert again["dedup"] == first["dedup"]
    for one, other in zip(again["systems"], first["systems"], strict=True):
        assert one["pool_bytes"] == other["pool_bytes"]
        assert one["huge_pages"] == other["huge_pages"]


def test_a_sample_of_contents_is_for_fleet(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "sample"
    estimate(dump, "--save", saved, "--one-in", 4)
    assert "fleet" in refusal(saved)
    table = pyarrow.parquet.read_table(saved)
    assert set(table.column("weight").to_pylist()) == {1, 4}
    assert table.num_rows < 300
    assert "--one-in" in refusal(dump, "--quick", "--save", saved, "--one-in", 4, status=2)
