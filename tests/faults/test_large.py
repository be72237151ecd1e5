"""Large inputs: what they take stays inside the stated memory."""

import json
import os
import struct
from pathlib import Path

import pytest

from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, Run, estimate

PAGE = 4096


def bound(run: Run) -> int:
    """The memory that a run may take for the pages that it found."""
    document = json.loads(run.output)
    return FIXED_BYTES + BYTES_A_PAGE * int(document["pages"]["total"])


def sparse(path: Path, size: int, every: int) -> Path:
    """A dump of `size` bytes with 16 random pages at every `every` bytes."""
    with path.open("wb") as file:
        for at in range(0, size, every):
            file.seek(at)
            file.write(os.urandom(16 * PAGE))
        file.truncate(size)
    if path.stat().st_blocks * 512 > size // 4:
        pytest.skip("this file system has no holes")
    return path


@pytest.mark.parametrize(
    ("size", "every"), [(64 << 30, 1 << 28), (1 << 40, 1 << 32)], ids=["64 GiB", "1 TiB"]
)
def test_a_sparse_dump_takes_what_is_in_it(tmp_path: Path, size: int, every: int) -> None:
    run = estimate(sparse(tmp_path / "dump", size, every))
    assert run.status == 0, run.errors
    pages = json.loads(run.output)["pages"]
    assert pages["total"] == size // PAGE
    assert pages["distinct"] == size // every * 16
    assert run.peak < FIXED_BYTES + BYTES_A_PAGE * pages["distinct"]


def test_a_core_of_65535_segments(tmp_path: Path) -> None:
    count = 65535
    section = 64 + 56 * count
    first = -(-(section + 64) // PAGE) * PAGE
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 4, 62, 1, 0, 64, section, 0, 64, 56, 0xFFFF, 64, 1, 0
    )
    path = tmp_path / "core"
    with path.open("wb") as file:
        file.write(head)
        for number in range(count):
            at, address = first + number * PAGE, (number + 1) * 8 * PAGE
            file.write(struct.pack("<IIQQQQQQ", 1, 6, at, address, 0, PAGE, 2 * PAGE, PAGE))
        file.write(struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0))
        file.seek(first)
        for number in range(count):
            file.write(struct.pack("<Q", number // 2 + 1) * (PAGE // 8))
    run = estimate(path)
    assert run.status == 0, run.errors
    document = json.loads(run.output)
    assert document["pages"]["total"] == count
    assert document["pages"]["same_filled"] == count
    assert document["sources"][0]["absent_pages"] == count
    assert run.peak < bound(run)
