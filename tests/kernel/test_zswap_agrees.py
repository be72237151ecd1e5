"""What the estimate says of zswap is what zswap holds once the same pages were swapped out."""

import contextlib
import os
import platform
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostswap.application.rules import rules_of
from ghostswap.census.codecs import Codec, find
from tests.dumps import PAGE, mixed_dump
from tests.estimates import estimate, system

ZSWAP = Path("/sys/module/zswap/parameters")

# Pages of their own folio each, as the estimate takes them; pushed out, then read back.
_SWAPPED_OUT = """
import mmap, sys
data = open(sys.argv[1], "rb").read()
area = mmap.mmap(-1, len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
area.madvise(mmap.MADV_NOHUGEPAGE)
area.write(data)
area.madvise(21)  # MADV_PAGEOUT
print("out", flush=True)
sys.stdin.readline()
assert area[:] == data, "the pages came back changed"
print("intact", flush=True)
sys.stdin.readline()
"""


def meminfo() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) * 1024 for name, rest in (x.split(":") for x in lines)}


def run(*command: str | Path) -> None:
    """Run a system tool, which must succeed."""
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def zswap(tmp_path: Path) -> Iterator[Path]:
    """zswap on over a small swap file, with its counters in debugfs; all as before afterwards."""
    if not ZSWAP.is_dir():
        pytest.skip("this kernel has no zswap")
    if len(Path("/proc/swaps").read_text().splitlines()) > 1:
        pytest.skip("swap is in use on this machine: zswap's counters are not ours alone")
    area = tmp_path / "swapfile"
    enabled = (ZSWAP / "enabled").read_text()
    with contextlib.ExitStack() as undo:
        area.touch(mode=0o600)
        with area.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 64 << 20)
        run("mkswap", area)
        debugfs = tmp_path / "debugfs"
        debugfs.mkdir()
        run("mount", "-t", "debugfs", "none", debugfs)
        undo.callback(run, "umount", debugfs)
        undo.callback((ZSWAP / "enabled").write_text, enabled)
        (ZSWAP / "enabled").write_text("Y")
        on = subprocess.run(["swapon", area], capture_output=True, text=True, check=False)
        if on.returncode:
            pytest.skip(f"no swap file can be used here: {on.stderr.strip()}")
        undo.callback(run, "swapoff", area)
        yield debugfs / "zswap"


@contextlib.contextmanager
def swapped_out(dump: Path) -> Iterator[None]:
    """A process whose pages, those of `dump`, are swapped out; they come back unchanged."""
    with subprocess.Popen(
        [sys.executable, "-c", _SWAPPED_OUT, dump],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "out\n"
            yield
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "intact\n"
        finally:
            process.kill()


def test_zswap_holds_what_the_estimate_says(tmp_path: Path, zswap: Path) -> None:
    dump = mixed_dump(tmp_path / "mixed.raw")
    compressor = (ZSWAP / "compressor").read_text().strip()
    estimated = system(estimate(dump, "--algorithm", compressor), "zswap", compressor)
    before = meminfo()
    with swapped_out(dump):
        after = meminfo()
        counter = zswap / "stored_incompressible_pages"
        # Before 6.18 zswap refuses such pages.
        incompressible = int(counter.read_text()) if counter.exists() else 0
    stored = (after["Zswapped"] - before["Zswapped"]) // PAGE
    pool = after["Zswap"] - before["Zswap"]
    assert stored == estimated["pages_stored"]
    assert incompressible == estimated["huge_pages"]
    assert abs(pool - estimated["pool_bytes"]) <= max(0.002 * pool, 16 * PAGE)


def page_of(payload: int, codec: Codec, draw: random.Random) -> bytearray:
    """A page that `codec` compresses to so many bytes."""
    scratch = bytearray(2 * PAGE)
    for zeros in range(4, 400):
        page = bytearray(draw.randbytes(64) + bytes(zeros) + draw.randbytes(PAGE - 64 - zeros))
        if codec.compress(memoryview(page), scratch) == payload:
            return page
    raise AssertionError(f"no page takes {payload} bytes")


def test_zswap_takes_a_page_up_to_its_largest_payload(tmp_path: Path, zswap: Path) -> None:
    """tests/unit/test_captured.py has what this printed on several kernels."""
    compressor = (ZSWAP / "compressor").read_text().strip()
    if compressor not in ("lz4", "lzo"):
        try:
            (ZSWAP / "compressor").write_text("lzo")
        except OSError as error:
            pytest.skip(f"zswap here has neither lz4 nor lzo: {error}")
    codec = find((ZSWAP / "compressor").read_text().strip())
    rules, draw = rules_of(), random.Random(7)
    sizes = [PAGE - 9, PAGE - 8, PAGE - 1, PAGE, PAGE + 1]
    taken: list[tuple[int, int, int]] = []
    try:
        for payload in sizes:
            dump = tmp_path / f"{payload}.raw"
            dump.write_bytes(b"".join(page_of(payload, codec, draw) for _ in range(32)))
            before, counter = meminfo(), zswap / "stored_incompressible_pages"
            with swapped_out(dump):
                stored = (meminfo()["Zswapped"] - before["Zswapped"]) // PAGE
                raw = int(counter.read_text()) if counter.exists() else 0
            taken.append((payload, stored, raw))
    finally:
        (ZSWAP / "compressor").write_text(compressor)
    print(
        platform.release(), codec.name, rules.allocator, "payload, stored, incompressible:", taken
    )
    raw_from = PAGE if rules.stores_incompressible else 2 * PAGE
    assert taken == [
        (payload, 32 * (payload <= rules.largest_payload(PAGE)), 32 * (payload >= raw_from))
        for payload in sizes
    ]
