"""An interrupted census: its figures are a sample's, whose error holds, or there are none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ghostswap.census import codecs
from ghostswap.census.codecs import Codec
from ghostswap.census.sample import Sampling
from ghostswap.census.scan import Progress, scan
from ghostswap.census.table import Census
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.pages.dump import open_dump
from ghostswap.report.estimate import Estimate, document
from ghostswap.systems.comparison import compare
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import Pool

PAGE = 4096
PAGES = 24_000
RULES = rules_for(KernelVersion(6, 18), {})


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Distinct pages: the first quarter hardly compresses, the others do well."""
    path = tmp_path_factory.mktemp("interrupted") / "dump"
    draw = np.random.default_rng(3)
    pages = draw.integers(1, 256, (PAGES, PAGE), dtype=np.uint8)
    pages[PAGES // 4 :, 700:] = 0
    pages.tofile(path)
    return path


def stop_at(share: float) -> Progress:
    """Ctrl-C once this share of all hashing and compressing of the dump is done."""

    def progress(done: int, known: int) -> None:
        if done >= share * 2 * PAGES:
            raise KeyboardInterrupt

    return progress


def census_of(
    path: Path, stop: Progress = lambda done, known: None, sampling: Sampling | None = None
) -> Census:
    lz4: list[Codec] = [codecs.find("lz4")]
    return scan([open_dump(path, PAGE)], PAGE, lz4, jobs=2, sampling=sampling, progress=stop)


def report(census: Census) -> dict[str, Any]:
    return document(Estimate(census, compare(census, RULES)))


def zram(reported: dict[str, Any]) -> dict[str, Any]:
    (row,) = (each for each in reported["systems"] if each["system"] == "zram")
    return dict(row)


@pytest.mark.parametrize("share", [0.3, 0.55, 0.65, 0.9])
def test_an_interrupted_full_run_has_a_samples_figures_and_error(dump: Path, share: float) -> None:
    partial = census_of(dump, stop_at(share))
    assert partial.partial
    reported, full = report(partial), report(census_of(dump))
    assert (reported["mode"], reported["algorithms"]["lz4"]["confidence"]) == ("quick", 0.95)
    row = zram(reported)
    assert 0.001 < row["relative_error"] < 0.2
    if share > 0.5:  # all pages were hashed
        assert reported["pages"] == full["pages"]
        # Half as much again as the 95 % bound: this is one draw.
        off = abs(row["pool_bytes"] / zram(full)["pool_bytes"] - 1)
        assert off < 1.5 * row["relative_error"]


def test_an_interrupted_sample_is_called_one(dump: Path) -> None:
    sampling = Sampling(0.002, pool_cost(Pool.ZRAM, RULES, PAGE))
    reported = report(census_of(dump, stop_at(0.2), sampling))
    assert reported["mode"] == "quick"
    assert reported["partial"]
    assert 0 < zram(reported)["relative_error"] < 0.2
    json.dumps(reported, allow_nan=False)


def test_what_is_interrupted_at_once_has_no_figures_and_is_valid_json(tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.write_bytes(np.random.default_rng(1).bytes(5 * PAGE))

    def stop(done: int, known: int) -> None:
        raise KeyboardInterrupt

    reported = report(census_of(few, stop))
    assert reported["pages"]["total"] == 5
    assert reported["algorithms"] == {}
    assert [row["system"] for row in reported["systems"]] == ["ksm"]
    json.dumps(reported, allow_nan=False)


def test_a_full_run_is_exact_as_ever(dump: Path) -> None:
    reported = report(census_of(dump))
    lz4 = reported["algorithms"]["lz4"]
    assert (reported["mode"], lz4["confidence"], lz4["compressed_pages"]) == ("exact", 1.0, PAGES)
