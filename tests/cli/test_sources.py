"""What `ghostswap estimate-dedup` can be given to measure, and that it finds the same in each."""

import gzip
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import zstandard

from tests.cores import Part, elf_core
from tests.dumps import PAGE, mixed_dump
from tests.estimates import estimate, refusal, run_estimate

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": zstandard.compress,
    ".lz4": lz4.frame.compress,
}


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed_dump(tmp_path_factory.mktemp("dump") / "raw")


@pytest.fixture(scope="module")
def core(dump: Path) -> Path:
    path = dump.with_name("core")
    pages = dump.read_bytes()
    half = len(pages) // PAGE // 2 * PAGE
    path.write_bytes(elf_core(Part(pages[:half]), Part(pages[half:]), gap=100))
    return path


def findings(document: dict[str, Any]) -> dict[str, Any]:
    """What is found in pages, without names and without what time it took."""
    algorithms = {
        name: {key: value for key, value in entry.items() if not key.endswith("_ns_per_page")}
        for name, entry in document["algorithms"].items()
    }
    return {
        "algorithms": algorithms,
        **{key: document[key] for key in ("pages", "systems", "dedup", "page_size", "partial")},
    }


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("plain", ["raw", "core"])
def test_a_compressed_dump_gives_the_figures_of_the_dump(
    dump: Path, core: Path, tmp_path: Path, suffix: str, plain: str
) -> None:
    original = dump if plain == "raw" else core
    path = tmp_path / "a name without a suffix"
    path.write_bytes(COMPRESSORS[suffix](original.read_bytes()))
    options = ("--algorithm", "lz4", "--algorithm", "zstd", "--group-by", "kind")
    assert findings(estimate(path, *options)) == findings(estimate(original, *options))


@pytest.mark.parametrize("suffix", ["", *COMPRESSORS])
def test_a_dump_may_come_through_a_pipe(dump: Path, suffix: str) -> None:
    content = dump.read_bytes()
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--noheadings", "--bytes"]
    columns = ["--output", "SYSTEM,POOL,RAM,SAVED"]
    packed = COMPRESSORS[suffix](content) if suffix else content
    piped = subprocess.run([*command, *columns, "-"], input=packed, capture_output=True, check=True)
    named = subprocess.run([*command, *columns, str(dump)], capture_output=True, check=True)
    assert piped.stdout == named.stdout
    assert piped.stderr == b""


def test_a_fifo_is_read_as_a_stream(dump: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" -m ghostswap estimate-dedup <(cat "$1")', sys.executable, dump],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "1,585 pages" in done.stdout


def test_files_and_streams_are_one_census(dump: Path, core: Path, tmp_path: Path) -> None:
    packed = tmp_path / "dump.zst"
    packed.write_bytes(zstandard.compress(dump.read_bytes()))
    document = estimate(dump, packed, core)
    alone = estimate(dump)
    assert document["pages"]["distinct"] == alone["pages"]["distinct"]
    assert document["pages"]["total"] == 3 * alone["pages"]["total"]
    assert [source["pages"] for source in document["sources"]] == [alone["pages"]["total"]] * 3


def test_a_cut_compressed_core_is_reported_as_far_as_it_goes(core: Path, tmp_path: Path) -> None:
    packed = gzip.compress(core.read_bytes())
    path = tmp_path / "core.gz"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    done = run_estimate("--quiet", path)
    assert done.returncode == 1
    assert "zram" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "truncated" in done.stderr
    (source,) = estimate(path, status=1)["sources"]
    assert source["unreadable_pages"] > 0
    assert source["pages"] > 0
    assert source["pages"] + source["unreadable_pages"] == 1585


def test_standard_input_is_read_once_only() -> None:
    assert "once" in refusal("-", "-", status=2)


def test_an_empty_pipe_is_refused_in_one_line() -> None:
    assert "-: is empty" in refusal("-")


def test_a_fifo_that_nobody_writes_does_not_hang(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "fifo")
    assert "is empty" in refusal(tmp_path / "fifo")


def test_pages_that_look_compressed_can_be_forced_to_be_raw(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(b"").ljust(3 * PAGE, b"\7"))
    assert estimate("--raw", path)["pages"]["total"] == 3
