"""What `ghostswap estimate-dedup` can be given to measure, and that it finds the same in each."""

import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import time
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


# Starts the tool from a small process: one that is forked off pytest begins with pytest's own peak.
_MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


def estimate_and_peak(*arguments: object) -> tuple[dict[str, Any], int]:
    """The JSON document, and the most memory that one process of the tool took, in bytes."""
    tool = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--quiet", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *tool, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), int(done.stderr) * 1024


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
    assert f"{dump.stat().st_size // PAGE:,} pages" in done.stdout


def test_files_and_streams_are_one_census(dump: Path, core: Path, tmp_path: Path) -> None:
    packed = tmp_path / "dump.zst"
    packed.write_bytes(zstandard.compress(dump.read_bytes()))
    document = estimate(dump, packed, core)
    alone = estimate(dump)
    assert document["pages"]["distinct"] == alone["pages"]["distinct"]
    assert document["pages"]["total"] == 3 * alone["pages"]["total"]
    assert [source["pages"] for source in document["sources"]] == [alone["pages"]["total"]] * 3


def test_a_cut_compressed_core_is_reported_as_far_as_it_goes(
    dump: Path, core: Path, tmp_path: Path
) -> None:
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
    assert source["pages"] + source["unreadable_pages"] == dump.stat().st_size // PAGE


def test_standard_input_is_read_once_only() -> None:
    assert "once" in refusal("-", "-", status=2)


def test_an_empty_pipe_is_refused_in_one_line() -> None:
    assert "-: is empty" in refusal("-")


def test_a_pipe_with_less_than_a_page_is_refused_in_one_line() -> None:
    tool = [sys.executable, "-m", "ghostswap", "estimate-dedup", "-"]
    done = subprocess.run(tool, input=b"not a dump", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"10 bytes" in done.stderr


def test_children_of_nobody_are_a_usage_error(dump: Path) -> None:
    assert "--children" in refusal(dump, "--children", status=2)


def test_a_fifo_that_nobody_writes_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "is empty" in refusal(tmp_path / "fifo")


def test_pages_that_look_compressed_can_be_forced_to_be_raw(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.write_bytes(gzip.compress(b"").ljust(3 * PAGE, b"\7"))
    assert estimate("--raw", path)["pages"]["total"] == 3


def test_a_sparse_dump_of_a_tebibyte_takes_seconds_and_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    with path.open("wb") as file:
        for place in range(8):
            file.seek(place << 37)
            file.write(os.urandom(16 * PAGE))
        file.truncate(1 << 40)
    if path.stat().st_blocks * 512 > 1 << 30:
        pytest.skip("this file system has no holes")
    begin = time.monotonic()
    document, peak = estimate_and_peak(path)
    assert time.monotonic() - begin < 20
    assert peak < 150 << 20
    pages = document["pages"]
    assert pages["total"] == (1 << 40) // PAGE
    assert pages["zero"] == pages["total"] - 8 * 16
    assert pages["distinct"] == 8 * 16


def test_an_interrupted_stream_prints_what_came_until_then(dump: Path) -> None:
    tool = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json", "-"]
    with subprocess.Popen(
        tool, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False
    ) as running:
        assert running.stdin is not None
        running.stdin.write(dump.read_bytes() * 4)  # taken off by the tool, which waits for more
        running.stdin.flush()
        time.sleep(2)
        running.send_signal(signal.SIGINT)
        out, complaint = running.communicate(timeout=20)
    document = json.loads(out)
    assert running.returncode == 130
    assert document["partial"]
    assert document["pages"]["total"] >= 1000
    assert complaint.count(b"\n") == 1


def test_only_a_few_batches_of_a_stream_are_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "dump.zst"
    path.write_bytes(zstandard.compress(bytes(PAGE - 1) + b"\1") * 40_000)
    document, peak = estimate_and_peak("--jobs", 2, path)
    assert document["pages"]["duplicate"] == 40_000 - 1
    assert peak < 120 << 20  # of 156 MiB of pages
