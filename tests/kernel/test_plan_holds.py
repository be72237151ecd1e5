"""What zswap holds before its limit is what the plan said, from an estimate of the same pages."""

import contextlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.host.files import HostFiles
from ghostswap.host.kernel import page_size
from ghostswap.host.memory import read_memory
from ghostswap.host.zram_device import zram_device
from ghostswap.kernel.version import V6_18
from ghostswap.swapfile.running import running_version

ZSWAP = Path("/sys/module/zswap/parameters")
PAGE = page_size()
PERCENT = 1
CHUNK_BYTES = 8 << 20

# Swaps out one more chunk, made of the dump again and again, for every line that comes.
_SWAPPED_OUT = """
import mmap, sys
data = open(sys.argv[1], "rb").read()
chunks = []
for line in sys.stdin:
    chunk = mmap.mmap(-1, len(data), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    chunk.madvise(mmap.MADV_NOHUGEPAGE)
    chunk.write(data)
    chunk.madvise(21)  # MADV_PAGEOUT
    chunks.append(chunk)
    print("out", flush=True)
"""


@pytest.fixture
def zswap() -> Iterator[str]:
    """zswap with the smallest limit, over zram, which takes what is refused; its compressor."""
    if not ZSWAP.is_dir():
        pytest.skip("this kernel has no zswap")
    if len(Path("/proc/swaps").read_text().splitlines()) > 1:
        pytest.skip("swap is in use on this machine: zswap's counters are not ours alone")
    with contextlib.ExitStack() as undo:
        for name, value in (("max_pool_percent", str(PERCENT)), ("enabled", "Y")):
            before = (ZSWAP / name).read_text()
            undo.callback((ZSWAP / name).write_text, before)
            (ZSWAP / name).write_text(value)
        try:
            zram = undo.enter_context(zram_device("lz4", 16 << 30))
        except GhostswapError as error:
            pytest.skip(str(error))
        subprocess.run(["mkswap", "-q", zram.path], check=True)
        subprocess.run(["swapon", zram.path], check=True)
        undo.callback(_swapoff, zram.path)
        yield (ZSWAP / "compressor").read_text().strip()


def _swapoff(path: Path) -> None:
    subprocess.run(["swapoff", path], check=True)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A chunk's pages: of 64, 8 are zero, 4 noise, the rest compressible in different degrees."""
    made = random.Random(3)
    pages = [bytes(PAGE)] * 8 + [made.randbytes(PAGE) for _ in range(4)]
    pages += [(made.randbytes(300 + 20 * n) * PAGE)[:PAGE] for n in range(52)]
    path = tmp_path / "pages.raw"
    path.write_bytes(b"".join(pages) * (CHUNK_BYTES // PAGE // 64))
    return path


def planned_slots(dump: Path, compressor: str) -> int:
    """The slots that the plan says this host's zswap holds of such pages: sixteen chunks of them,
    so that the zspages not full yet are few."""
    plan = [sys.executable, "-m", "ghostswap", "plan", "--json", "--algorithm", compressor]
    plan += ["--zero-pages", "include"]  # all of these are touched
    done = subprocess.run(
        [*plan, *[dump] * 16],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (plan,) = json.loads(done.stdout)["plans"]
    assert plan["max_pool_percent"] == PERCENT
    slots = plan["capacity"]["expected"]["slots"]
    assert isinstance(slots, int)
    return slots


def held_until_full(dump: Path) -> int:
    """Slots that zswap had filled when it last took what it was given."""
    compressible = CHUNK_BYTES // PAGE // 64 * 56  # what is not zero
    taken = 64 if running_version() >= V6_18 else 60  # noise is refused before
    with subprocess.Popen(
        [sys.executable, "-c", _SWAPPED_OUT, dump],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            before = zswapped_pages()
            for chunks in range(1000):
                process.stdin.write("\n")
                process.stdin.flush()
                assert process.stdout.readline() == "out\n"
                after = zswapped_pages()
                # A page that was busy is not swapped out; a full zswap takes hardly any.
                if after - before < compressible // 2:
                    return chunks * CHUNK_BYTES // PAGE * taken // 64
                before = after
        finally:
            process.kill()
    pytest.fail("zswap was never full")


def zswapped_pages() -> int:
    """Pages that zswap holds."""
    found = read_memory(HostFiles(Path("/"))).zswapped
    assert found is not None
    return found // PAGE


def test_zswap_is_full_when_the_plan_says(dump: Path, zswap: str) -> None:
    # The last chunk filled it somewhere.
    assert planned_slots(dump, zswap) == pytest.approx(held_until_full(dump), rel=0.03)
