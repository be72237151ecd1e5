"""Dumps of whole machines and swap areas: taken for what they are, or refused with advice."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
import zstandard

from ghostswap.errors import GhostswapError
from ghostswap.pages.dump import Reading, open_dump
from ghostswap.pages.layout import Extent
from ghostswap.pages.source import Source, SourceKind
from ghostswap.swapfile.header import NATIVE, Header, build
from tests.cores import PAGE, Part, elf_core


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(GhostswapError) as refused:
        open_dump(path, PAGE)
    return str(refused.value)


@pytest.mark.parametrize("pack", [bytes, zstandard.compress])
def test_kdump_files_are_refused_with_the_command_that_converts_them(
    tmp_path: Path, pack: object
) -> None:
    assert callable(pack)
    flattened = b"makedumpfile\0\0\0\0" + struct.pack(">QQ", 1, 1) + bytes(4064)
    assert "makedumpfile -E" in refusal(tmp_path / "a", pack(b"KDUMP   " + bytes(PAGE)))
    assert "makedumpfile -R" in refusal(tmp_path / "b", pack(flattened))


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dumps that QEMU took of a machine of 32 MiB: elf, paging and kdump."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not installed")
    folder = tmp_path_factory.mktemp("guest")
    orders = (
        f"dump-guest-memory {folder}/elf\n"
        f"dump-guest-memory -p {folder}/paging\n"
        f"dump-guest-memory -z {folder}/kdump\n"
        "quit\n"
    )
    subprocess.run(
        [
            "qemu-system-x86_64",
            "-S",
            "-m",
            "32",
            "-display",
            "none",
            "-nodefaults",
            "-monitor",
            "stdio",
        ],
        input=orders,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return folder


@pytest.mark.parametrize("name", ["elf", "paging"])
def test_a_guest_is_read_with_a_note_that_all_its_memory_is_in_it(guest: Path, name: str) -> None:
    source = open_dump(guest / name, PAGE)
    assert isinstance(source, Source)
    assert source.facts.kind is SourceKind.VMCORE
    assert "page cache" in source.facts.warnings[0]
    assert source.runs.pages * PAGE >= 32 << 20
    assert not source.facts.incomplete


def test_a_guest_dumped_in_kdump_format_is_refused_with_advice(guest: Path) -> None:
    with pytest.raises(GhostswapError, match="makedumpfile -R"):
        open_dump(guest / "kdump", PAGE)


def test_a_page_that_a_guest_dump_names_twice_is_counted_once(tmp_path: Path) -> None:
    memory = os.urandom(4 * PAGE)
    core = bytearray(elf_core(Part(memory), Part(b""), Part(b"")))
    notes = struct.pack("<III", 5, 0, 0) + b"QEMU\0\0\0\0"
    notes_at, memory_at = len(core), 64 + 3 * 56
    struct.pack_into("<IIQQQQQQ", core, 64 + 56, 4, 0, notes_at, 0, 0, len(notes), 0, 0)
    struct.pack_into(
        "<IIQQQQQQ", core, 64 + 112, 1, 6, memory_at + PAGE, 0, 0, 2 * PAGE, 2 * PAGE, 0
    )
    path = tmp_path / "dump"
    path.write_bytes(core + notes)
    source = open_dump(path, PAGE)
    assert isinstance(source, Source)
    assert source.facts.kind is SourceKind.VMCORE
    assert source.runs.pages == 4


def swap_area(pages: int, bad: tuple[int, ...] = (), size: int | None = None) -> bytes:
    """A swap area whose every slot holds its own number."""
    header = Header(1, pages - 1, len(bad), bad, bytes(16), bytes(16), PAGE, NATIVE)
    slots = b"".join(struct.pack("<Q", slot) * (PAGE // 8) for slot in range(1, pages))
    return (build(header) + slots)[:size]


def test_a_swap_area_is_read_without_its_header_and_bad_pages(tmp_path: Path) -> None:
    path = tmp_path / "swap"
    path.write_bytes(swap_area(8, bad=(2, 5)))
    source = open_dump(path, PAGE)
    assert isinstance(source, Source)
    assert source.facts.kind is SourceKind.SWAP_AREA
    buffer = memoryview(bytearray(5 * PAGE))
    assert source.open().read(0, source.runs.pages, buffer).all()
    assert buffer.cast("B").cast("Q")[:: PAGE // 8].tolist() == [1, 3, 4, 6, 7]
    assert "not in use" in source.facts.warnings[0]


def test_a_swap_area_that_is_shorter_than_its_header_says_is_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "swap"
    path.write_bytes(swap_area(8, size=4 * PAGE))
    source = open_dump(path, PAGE)
    assert (source.facts.unreadable, source.facts.incomplete) == (4, True)


def test_a_ghost_file_is_refused_for_it_holds_no_pages(tmp_path: Path) -> None:
    assert "holds no pages" in refusal(tmp_path / "ghost", swap_area(1000, size=PAGE))


def test_with_raw_a_swap_area_is_pages_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "swap"
    path.write_bytes(swap_area(8))
    source = open_dump(path, PAGE, Reading(raw=True))
    assert isinstance(source, Source)
    assert source.runs.pages == 8


def test_pages_left_out_of_a_dump_are_counted_page_by_page() -> None:
    assert Extent(0, PAGE + 1, 5 * PAGE).absent_pages(PAGE) == 3
    assert Extent(0, 5 * PAGE, PAGE).absent_pages(PAGE) == 0
