"""Dumps made to cost more than they are: holes, windows, ranges, and too many files."""

import json
import os
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Source
from ghostswap.swapfile.header import NATIVE, Header, build
from tests.cores import Part, elf_core
from tests.estimates import estimate as document_of
from tests.faults.command import start
from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, Run, estimate

PAGE = 4096


def with_a_hole(path: Path, begin: bytes, size: int, middle: bytes = b"") -> Path:
    """A file of `size` bytes: `begin`, a hole, `middle` in its middle, and a hole."""
    with path.open("wb") as file:
        file.write(begin)
        file.truncate(size)
        file.seek(size // 2)
        file.write(middle)
    if path.stat().st_blocks * 512 > 1 << 20:
        pytest.skip("this file system has no holes")
    return path


def of_disk(run: Run, pages: int, seconds: float = 20) -> dict[str, int]:
    """The pages that a run counted; it took what that many pages may take, and not long."""
    assert run.status == 0, run.errors
    assert run.peak < FIXED_BYTES + BYTES_A_PAGE * pages
    assert run.seconds < seconds
    counts: dict[str, int] = json.loads(run.output)["pages"]
    return counts


def test_a_core_of_128_gib_that_is_a_hole_costs_nothing(tmp_path: Path) -> None:
    size = 128 << 30
    headers = elf_core(Part(b""))
    claimed = bytearray(headers)
    struct.pack_into("<QQ", claimed, 64 + 32, size, size)  # p_filesz, p_memsz
    path = with_a_hole(tmp_path / "core", bytes(claimed), size + len(headers), os.urandom(2 * PAGE))
    run = estimate("--group-by", "mapping", path)
    pages = of_disk(run, 100)
    assert (pages["total"], pages["data"]) == (size // PAGE, 3)  # two pages, at an odd offset
    document = json.loads(run.output)
    assert sum(group["pages"] for group in document["groups"]) == size // PAGE
    assert document["sources"][0]["pages"] == size // PAGE


def test_a_swap_area_of_8_tib_that_is_a_hole_costs_nothing(tmp_path: Path) -> None:
    slots = 1 << 31
    header = Header(1, slots - 1, 1, (7,), bytes(16), bytes(16), PAGE, NATIVE)
    size = slots * PAGE
    path = with_a_hole(tmp_path / "swap", build(header), size, os.urandom(PAGE))
    pages = of_disk(estimate(path), 100)
    assert (pages["total"], pages["data"]) == (slots - 2, 1)


def test_a_lime_file_of_4_tib_that_is_a_hole_costs_nothing(tmp_path: Path) -> None:
    size = 4 << 40
    header = struct.pack("<IIQQQ", 0x4C694D45, 1, 0, size - 1, 0)
    path = with_a_hole(tmp_path / "lime", header, size + len(header), os.urandom(PAGE))
    pages = of_disk(estimate(path), 100)
    assert (pages["total"], pages["data"]) == (size // PAGE, 2)


def test_ranges_are_numbers_and_not_objects(tmp_path: Path) -> None:
    """Three million of them take 40 bytes each, as the pages that they hold may."""
    ranges = 100_000
    path = tmp_path / "lime"
    path.write_bytes((struct.pack("<IIQQQ", 0x4C694D45, 1, 0, 0, 0) + b"x") * ranges)
    source, peak = opened_by_number(path)
    assert source.runs.pages == ranges
    assert peak < 80 * ranges


def test_holes_are_numbers_and_not_objects(tmp_path: Path) -> None:
    pages = 50_000
    path = tmp_path / "dump"
    with path.open("wb") as file:
        for number in range(pages):
            os.pwrite(file.fileno(), struct.pack("<QQ", number + 1, 5), 2 * number * PAGE)
        file.truncate(2 * pages * PAGE)
    if path.stat().st_blocks * 512 > 1.2 * pages * PAGE:
        pytest.skip("this file system has no holes of one page")
    source, peak = opened_by_number(path)
    assert (source.runs.pages, source.facts.holes) == (pages, pages)
    assert peak < 160 * pages


def opened_by_number(path: Path) -> tuple[Source, int]:
    """A dump, and the most memory that it took to open it."""
    open_dump(path, PAGE)  # what is loaded on first use is loaded
    tracemalloc.start()
    source = open_dump(path, PAGE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(source, Source)
    return source, peak


def test_windows_of_many_compressed_files_are_not_held_together(tmp_path: Path) -> None:
    window = 128 << 20
    parameters = zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    content = b"".join(number.to_bytes(8, "little") * 512 for number in range(33_000))
    packed = zstandard.ZstdCompressor(compression_params=parameters).compress(content)
    files = [tmp_path / f"{number}.zst" for number in range(3)]
    for path in files:
        path.write_bytes(packed)
    run = estimate(*files)
    assert run.status == 0, run.errors
    pages = json.loads(run.output)["pages"]
    assert (pages["total"], pages["same_filled"] + pages["zero"]) == (3 * 33_000, 3 * 33_000)
    assert run.peak < FIXED_BYTES + window + BYTES_A_PAGE * pages["total"]


def test_a_thousand_files_are_read_where_32_may_be_open(tmp_path: Path) -> None:
    page = os.urandom(PAGE)
    for number in range(1000):
        content = page + number.to_bytes(8, "little") * (PAGE // 8)
        packed = zstandard.compress(content) if number % 2 else content
        (tmp_path / f"{number}").write_bytes(packed)
    done = subprocess.run(
        [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json", *tmp_path.iterdir()],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = json.loads(done.stdout)["pages"]
    assert (pages["total"], pages["distinct"], pages["same_filled"]) == (2000, 1, 999)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: which files it has open")
def test_a_fifo_whose_writer_comes_late_is_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with start("estimate-dedup", "--json", fifo) as process:
        has_open(process, fifo)
        time.sleep(1)
        with fifo.open("wb") as file:
            time.sleep(1)
            file.write(os.urandom(3 * PAGE))
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(out)["pages"]["total"] == 3


def has_open(process: "subprocess.Popen[str]", path: Path) -> None:
    """Wait until a process has `path` open."""
    while process.poll() is None:
        for link in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                if link.readlink() == path:
                    return
        time.sleep(0.01)
    raise AssertionError("it has ended")


def test_a_census_may_lie_where_no_name_is_text(tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(os.urandom(3 * PAGE))
    saved = tmp_path / os.fsdecode(b"\xff.parquet")
    document_of(dump, "--save", saved)
    assert document_of(saved)["pages"]["total"] == 3


def test_a_file_that_is_another_one_when_it_is_read_is_named(tmp_path: Path) -> None:
    """Beyond the files that stay open, each is opened again when its turn comes."""
    program = """
import os, sys
from ghostswap.application import measure, sources
from ghostswap.cli import app
before = measure.scan
def replaced(*arguments, **options):
    os.rename(sys.argv[1] + "-new", sys.argv[1])
    return before(*arguments, **options)
measure.scan = replaced
sources._MOST_KEPT_OPEN = 0
sys.exit(app.run(["estimate-dedup", "--json", sys.argv[1]]))
"""
    path = tmp_path / "dump"
    path.write_bytes(os.urandom(5 * PAGE))
    path.with_name("dump-new").write_bytes(os.urandom(5 * PAGE))
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "5 of its pages could not be read" in done.stderr
    (source,) = json.loads(done.stdout)["sources"]
    assert (source["pages"], source["unreadable_pages"]) == (0, 5)
