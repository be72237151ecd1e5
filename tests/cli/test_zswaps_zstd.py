"""zswap's zstd of 6.12 to 6.16 has the parameters of crypto/, and zram's has its own."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.estimates import estimate, run_estimate, system

PAGE = 4096


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of numbered records, whose matches of four bytes only zram's parameters find."""
    draw = random.Random(9)
    words = [draw.randbytes(4) for _ in range(400)]
    pages = [b"".join(draw.choices(words, k=700)).ljust(PAGE, b"\0") for _ in range(300)]
    path = tmp_path_factory.mktemp("zstd") / "pages"
    path.write_bytes(b"".join(pages))
    return path


def compressed(document: dict[str, Any]) -> tuple[int, int]:
    """Of zram and of zswap."""
    zram, zswap = (system(document, name, "zstd") for name in ("zram", "zswap"))
    return zram["compressed_bytes"], zswap["compressed_bytes"]


def test_each_compresses_as_its_kernel_does(dump: Path) -> None:
    old, between, new = (
        compressed(estimate(dump, "--algorithm", "zstd", "--kernel", version))
        for version in ("6.1", "6.12", "6.17")
    )
    assert old[0] == old[1] == between[1]
    assert new[0] == new[1] == between[0]
    assert between[1] > 1.005 * between[0]


def test_the_second_way_is_no_algorithm_of_its_own(dump: Path) -> None:
    document = estimate(dump, "--algorithm", "zstd", "--kernel", "6.12")
    assert set(document["algorithms"]) == {"zstd"}
    assert {row["algorithm"] for row in document["systems"]} == {"zstd", None}


def test_a_census_of_another_kernel_says_a_larger_error(dump: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    census = tmp_path / "census.parquet"
    for made_for, more in (("6.17", 0.02), ("6.12", 0.0)):
        words = ("--algorithm", "zstd", "--kernel", made_for, "--save", census)
        assert run_estimate(dump, *words).returncode == 0
        document = estimate(census, "--kernel", "6.12")
        zram, zswap = (system(document, name, "zstd") for name in ("zram", "zswap"))
        assert zswap["relative_error"] >= zram["relative_error"] + more
        assert (zswap["relative_error"] < 0.02) == (more == 0)
