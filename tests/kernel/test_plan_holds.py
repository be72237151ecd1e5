"""What zswap holds before its limit is what the plan said, from an estimate of the same pages."""

import contextlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.host.cgroups import unified_mount
from ghostswap.host.files import HostFiles
from ghostswap.host.kernel import page_size
from ghostswap.host.memory import read_memory
from ghostswap.host.zram_device import zram_device
from ghostswap.kernel.version import V6_1, V6_12, V6_18
from ghostswap.swapfile.running import running_version

ZSWAP = Path("/sys/module/zswap/parameters")
PAGE = page_size()
PERCENT = 1
CHUNK_BYTES = 8 << 20
GROUP_BYTES = 4 << 20  # less than four chunks, compressed
# Of 64 pages of the dump: slots, and entries that zswap keeps for them. Zero pages have none since
# 6.12, noise has one since 6.18.
SLOTS_AND_ENTRIES = {V6_1: (60, 60), V6_12: (60, 52), V6_18: (64, 56)}

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


@contextlib.contextmanager
def swapping_out(dump: Path) -> Iterator[tuple[int, Callable[[], None]]]:
    """A process, and what has it swap out one more chunk."""
    command = [sys.executable, "-c", _SWAPPED_OUT, str(dump)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        orders, heard = process.stdin, process.stdout
        assert orders is not None
        assert heard is not None

        def one_more() -> None:
            orders.write("\n")
            orders.flush()
            assert heard.readline() == "out\n"

        try:
            yield process.pid, one_more
        finally:
            process.kill()


def held_until_full(dump: Path) -> int:
    """Slots that zswap had filled when it last took what it was given."""
    compressible = CHUNK_BYTES // PAGE // 64 * 56  # what is not zero
    taken = 64 if running_version() >= V6_18 else 60  # noise is refused before
    with swapping_out(dump) as (_, one_more):
        before = zswapped_pages()
        for chunks in range(1000):
            one_more()
            after = zswapped_pages()
            # A page that was busy is not swapped out; a full zswap takes hardly any.
            if after - before < compressible // 2:
                return chunks * CHUNK_BYTES // PAGE * taken // 64
            before = after
    pytest.fail("zswap was never full")


def zswapped_pages() -> int:
    """Pages that zswap holds."""
    held_bytes = read_memory(HostFiles(Path("/"))).zswapped
    assert held_bytes is not None
    return held_bytes // PAGE


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of version 2 that has room for few compressed pages."""
    mount = unified_mount(HostFiles(Path("/")))
    if mount is None:
        pytest.skip("control groups of version 2 are not mounted")
    top = Path("/") / mount
    with contextlib.suppress(OSError):
        (top / "cgroup.subtree_control").write_text("+memory")
    path = top / "ghostswap-plan-test"
    path.mkdir()
    try:
        if not (path / "memory.zswap.max").exists():
            pytest.skip("no memory.zswap.max: version 2 does not have the memory controller here")
        (path / "memory.zswap.max").write_text(str(GROUP_BYTES))
        yield path
    finally:
        path.rmdir()


def test_a_group_is_full_when_the_plan_says(
    dump: Path, zswap: str, group: Path, tmp_path: Path
) -> None:
    """Its limit is of compressed lengths, whatever the pool makes of them."""
    estimate = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json"]
    report = tmp_path / "report.json"
    with report.open("wb") as file:
        dumps = [str(dump)] * 16  # more than the group may have
        subprocess.run([*estimate, "--algorithm", zswap, *dumps], check=True, stdout=file)
    plan = [sys.executable, "-m", "ghostswap", "plan", str(report), "--json", "--ram", "64G"]
    plan += ["--zero-pages", "include", "--cgroup", f"/{group.name}"]
    done = subprocess.run(plan, check=True, capture_output=True, text=True)
    (planned,) = json.loads(done.stdout)["plans"]
    assert planned["limited_by"] == "memory.zswap.max"

    with swapping_out(dump) as (pid, one_more):
        (group / "cgroup.procs").write_text(str(pid))
        for _ in range(4):
            one_more()
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    rules = max(version for version in SLOTS_AND_ENTRIES if version <= running_version())
    slots, entries = SLOTS_AND_ENTRIES[rules]
    held = int(stat["zswapped"]) // PAGE * slots / entries
    assert planned["capacity"]["expected"]["slots"] == pytest.approx(held, rel=0.02)


def test_zswap_is_full_when_the_plan_says(dump: Path, zswap: str) -> None:
    # The last chunk filled it somewhere.
    assert planned_slots(dump, zswap) == pytest.approx(held_until_full(dump), rel=0.03)
