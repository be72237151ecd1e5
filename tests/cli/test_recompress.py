"""--recompress: zram after a second compressor, and what is refused."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.estimates import estimate, refusal, run_estimate, system

PAGE = 4096
KERNEL = ("--kernel", "6.12")


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of few letters, which only zstd packs; of repeats; random and zero ones."""
    draw = random.Random(3)
    letters = [bytes(draw.choices(b"abcdefghijkl", k=PAGE)) for _ in range(200)]
    copies = [(draw.randbytes(200) * 21)[:PAGE] for _ in range(200)]
    pages = letters + copies + [draw.randbytes(PAGE) for _ in range(50)] + [bytes(PAGE)] * 30
    draw.shuffle(pages)
    path = tmp_path_factory.mktemp("recompress") / "pages"
    path.write_bytes(b"".join(pages))
    return path


def recompressed(dump: Path, option: str, *others: str) -> dict[str, Any]:
    return system(estimate(dump, *KERNEL, *others, "--recompress", option), "zram+recompress")


def test_huge_pages_are_those_that_gain(dump: Path) -> None:
    document = estimate(dump, *KERNEL, "--recompress", "zstd:huge")
    before, after = system(document, "zram"), system(document, "zram+recompress")
    assert before["huge_pages"] == 250, "lz4 finds nothing in random letters"
    assert after["huge_pages"] == 50
    assert after["recompression"] == {
        "algorithm": "zstd",
        "pages": "huge",
        "threshold": 0,
        "recompressed_pages": 200,
    }
    assert after["pool_bytes"] < 0.8 * before["pool_bytes"]
    for same in ("pages_stored", "same_pages"):
        assert after[same] == before[same]
    assert {each["algorithm"] for each in document["systems"]} == {"lz4", "zstd", None}


def test_nothing_below_the_threshold_is_tried_and_nothing_above_is_taken(dump: Path) -> None:
    assert recompressed(dump, "zstd:threshold=1000")["recompression"]["recompressed_pages"] == 0
    letters = recompressed(dump, "zstd:threshold=3000")["recompression"]["recompressed_pages"]
    assert letters == 200, "zstd brings them to half a page"


def test_a_sample_says_the_same_within_its_error(dump: Path) -> None:
    exact, quick = (
        recompressed(dump, "zstd", *options) for options in ((), ("--quick", "--error", "5%"))
    )
    off = abs(quick["pool_bytes"] - exact["pool_bytes"])
    assert off <= quick["relative_error"] * exact["pool_bytes"]


def test_a_plan_can_be_made_of_it_but_not_emitted(dump: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps(estimate(dump, *KERNEL, "--recompress", "zstd")))

    def planned(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ghostswap", "plan", str(report), "--ram", "8G"]
        return subprocess.run(
            [*command, "--system", "zram+recompress", *words],
            capture_output=True,
            text=True,
            check=False,
        )

    plan = json.loads(planned("--json").stdout)
    assert plan["system"] == "zram+recompress"
    refused = planned("--emit", "sh")
    assert refused.returncode == 2
    assert "recompresses when it is told to" in refused.stderr


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("zstd:foo", "'foo' is neither"),
        ("zstd:threshold=4000", "from 3625 bytes on"),
        ("zstd:threshold=-1", "a number of bytes"),
        ("zstd:huge:idle", "'idle' is neither"),
        ("snappy", "no compressor called 'snappy'"),
        ("lz4", "name another one"),
        ("842", "--engine kernel"),
    ],
)
def test_a_wrong_one_is_one_line(option: str, reason: str, dump: Path) -> None:
    line = refusal(dump, *KERNEL, "--recompress", option, status=2)
    assert reason in line


def test_a_kernel_without_it_is_said(dump: Path) -> None:
    line = refusal(dump, "--kernel", "6.1", "--recompress", "zstd", status=2)
    assert "since Linux 6.2" in line


def test_a_saved_census_needs_the_second_algorithm(dump: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    census = tmp_path / "census.parquet"
    words = ("--algorithm", "lz4", "--algorithm", "zstd", "--save", census)
    assert run_estimate(dump, *KERNEL, *words).returncode == 0
    assert recompressed(census, "zstd") == recompressed(dump, "zstd")
    assert "was not measured" in refusal(census, *KERNEL, "--recompress", "lz4hc")
