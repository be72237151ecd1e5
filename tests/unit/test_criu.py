"""CRIU's images: pages beside the pagemap that tells whose they are."""

import contextlib
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.pages.criu import Pagemap, parse_pagemap
from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Source, SourceKind
from tests.cores import PAGE

PRESENT, PARENT, LAZY = 4, 1, 2


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(**fields: int) -> bytes:
    """A message with these fields, named f1, f2, … after their numbers."""
    body = b"".join(varint(int(name[1:]) << 3) + varint(value) for name, value in fields.items())
    return struct.pack("<I", len(body)) + body


def image(pages_id: int, *entries: tuple[int, int]) -> bytes:
    """A pagemap with runs of (pages, flags)."""
    magic = struct.pack("<II", 0x54564319, 0x56084025)
    runs = b"".join(
        message(f1=0x400000 + at, f2=pages, f4=flags) for at, (pages, flags) in enumerate(entries)
    )
    return magic + message(f1=pages_id) + runs


def opened(folder: Path, pages: int) -> Source:
    path = folder / "pages-7.img"
    path.write_bytes(os.urandom(pages * PAGE))
    source = open_dump(path, PAGE)
    assert isinstance(source, Source)
    return source


def test_pages_in_the_parent_are_absent_and_named(tmp_path: Path) -> None:
    (tmp_path / "pagemap-100.img").write_bytes(image(7, (3, PRESENT), (200, PARENT), (2, PRESENT)))
    (tmp_path / "pagemap-101.img").write_bytes(image(8, (300, PRESENT)))
    source = opened(tmp_path, 5)
    assert source.facts.kind is SourceKind.CRIU
    assert (source.runs.pages, source.facts.absent, source.facts.incomplete) == (5, 200, False)
    assert str(tmp_path / "parent") in source.facts.warnings[0]


def test_pages_left_with_a_page_server_are_absent(tmp_path: Path) -> None:
    (tmp_path / "pagemap-100.img").write_bytes(image(7, (4, LAZY), (2, LAZY | PRESENT)))
    source = opened(tmp_path, 2)
    assert (source.runs.pages, source.facts.absent) == (2, 4)
    assert "page server" in source.facts.warnings[0]


def test_a_cut_file_of_pages_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "pagemap-100.img").write_bytes(image(7, (5, PRESENT)))
    source = opened(tmp_path, 3)
    assert (source.runs.pages, source.facts.unreadable, source.facts.incomplete) == (3, 2, True)


def test_pages_without_a_pagemap_are_raw(tmp_path: Path) -> None:
    (tmp_path / "pagemap-100.img").write_bytes(b"damaged")
    assert opened(tmp_path, 3).facts.kind is SourceKind.RAW


@pytest.mark.parametrize(
    "pages", [1 << 63, (1 << 64) - 1, 1 << 41], ids=["2^63", "2^64 - 1", "2^41"]
)
def test_a_run_of_more_pages_than_memory_can_have_is_damage(tmp_path: Path, pages: int) -> None:
    (tmp_path / "pagemap-100.img").write_bytes(image(7, (1, PRESENT), (pages, PRESENT)))
    source = opened(tmp_path, 3)
    assert (source.facts.kind, source.runs.pages) == (SourceKind.RAW, 3)


def test_runs_that_add_up_to_more_than_a_file_can_have_say_nothing(tmp_path: Path) -> None:
    runs = [(1 << 39, PRESENT)] * 5000
    (tmp_path / "pagemap-100.img").write_bytes(image(7, *runs))
    source = opened(tmp_path, 3)
    assert (source.facts.kind, source.runs.pages) == (SourceKind.RAW, 3)


def test_a_pagemap_may_be_a_link_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(image(7, (3, PRESENT), (200, PARENT)))
    (tmp_path / "pagemap-100.img").symlink_to("elsewhere")
    assert opened(tmp_path, 3).facts.absent == 200


@pytest.mark.parametrize("kind", ["fifo", "/dev/zero", "/dev/tty", "a huge file", "a folder"])
def test_a_pagemap_that_is_no_small_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    pagemap = tmp_path / "pagemap-7.img"
    if kind == "fifo":
        os.mkfifo(pagemap)
    elif kind == "a folder":
        pagemap.mkdir()
    elif kind == "a huge file":
        pagemap.write_bytes(image(7, (3, PRESENT)))
        os.truncate(pagemap, 1 << 40)
    else:
        pagemap.symlink_to(kind)
    program = "import sys; from tests.unit import test_criu; test_criu.kind_of(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)),
    )
    assert (done.stdout, done.returncode) == ("raw\n", 0), done.stderr


def kind_of(folder: str) -> None:
    """Print what the pages in this folder are taken for."""
    print(opened(Path(folder), 3).facts.kind)


def test_fields_that_nobody_asked_for_take_no_memory() -> None:
    fields = b"".join(varint(number << 3) + b"\1" for number in range(100, 100_000))
    head = struct.pack("<II", 0x54564319, 0x56084025) + message(f1=7)
    tracemalloc.start()
    parsed = parse_pagemap(head + struct.pack("<I", len(fields)) + fields)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parsed == Pagemap(7, 0, 0, 0)
    assert peak < 4 * len(fields)


def test_the_reader_agrees_with_what_crit_writes(tmp_path: Path) -> None:
    if shutil.which("crit") is None:
        pytest.skip("crit (package criu) is not installed")
    entries = [
        {"pages_id": 1},
        {"vaddr": "0x400000", "nr_pages": 3, "flags": "PE_PRESENT"},
        {"vaddr": "0x8ea000", "nr_pages": 200, "flags": "PE_PARENT"},
        {"vaddr": "0x9ea000", "nr_pages": 2, "in_parent": True},
        {"vaddr": "0xaea000", "nr_pages": 5},
        {"vaddr": "0xbea000", "nr_pages": 7, "flags": "PE_LAZY"},
        {"vaddr": "0xcea000", "nr_pages": 9, "flags": "PE_LAZY | PE_PRESENT"},
    ]
    (tmp_path / "json").write_text(json.dumps({"magic": "PAGEMAP", "entries": entries}))
    written = tmp_path / "pagemap-1.img"
    subprocess.run(["crit", "encode", "-i", tmp_path / "json", "-o", written], check=True)
    assert parse_pagemap(written.read_bytes()) == Pagemap(1, 17, 202, 7)


@given(st.binary(max_size=200))
def test_junk_ends_in_a_reason_and_nothing_else(junk: bytes) -> None:
    magic = struct.pack("<II", 0x54564319, 0x56084025)
    for data in (junk, magic + junk, magic + struct.pack("<I", len(junk)) + junk):
        with contextlib.suppress(ValueError):
            pagemap = parse_pagemap(data)
            assert min(pagemap.present, pagemap.in_parent, pagemap.lazy) >= 0
