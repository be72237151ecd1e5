"""Memory: 150 MiB and 40 bytes a page for the whole process tree, whatever pages come from."""

import sys
from pathlib import Path

import numpy as np
import pytest
import zstandard

from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, estimate, peak_resident

PAGE = 4096
PAGES = 100_000


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Distinct pages that compress to about a half, by parts so that the test takes little."""
    path = tmp_path_factory.mktemp("memory") / "pages.raw"
    draw = np.random.default_rng(1)
    with path.open("wb") as file:
        for _ in range(10):
            pages = np.zeros((PAGES // 10, PAGE // 8), dtype=np.uint64)
            pages[:, ::2] = draw.integers(0, 2**63, (PAGES // 10, PAGE // 16), dtype=np.uint64)
            pages.tofile(file)
    return path


@pytest.fixture(scope="module")
def packed(dump: Path) -> Path:
    path = dump.with_suffix(".zst")
    with dump.open("rb") as file, path.open("wb") as into:
        zstandard.ZstdCompressor(level=1).copy_stream(file, into)
    return path


def test_more_jobs_than_are_of_use_take_no_memory(dump: Path) -> None:
    run = estimate("--jobs", 64, dump)
    assert run.status == 0, run.errors
    assert run.peak <= FIXED_BYTES + BYTES_A_PAGE * PAGES


def test_a_census_is_saved_and_read_within_the_bound(dump: Path, tmp_path: Path) -> None:
    saved = tmp_path / "census"
    for arguments in (["--jobs", "2", dump, "--save", saved], [saved]):
        run = estimate(*arguments)
        assert run.status == 0, run.errors
        assert run.peak <= FIXED_BYTES + BYTES_A_PAGE * PAGES


@pytest.mark.parametrize("options", [[], ["--quick"], ["--quick", "--error", "0.05%"]])
@pytest.mark.parametrize("stream", [False, True])
def test_memory_stays_within_its_bound(
    dump: Path, packed: Path, options: list[str], stream: bool
) -> None:
    path = packed if stream else dump
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--jobs", "2", *options]
    peak = peak_resident([*command, "--json", str(path)])
    assert 0 < peak <= FIXED_BYTES + BYTES_A_PAGE * PAGES
