"""Live processes are counted as the kernel counts them, and notice nothing."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.dumps import PAGE
from tests.estimates import estimate, refusal, run_estimate

MIB = 1 << 20

# Each prints "ready" with its memory in place, and ends when its standard input does.
_FILLED = """
import mmap, os, sys
area = mmap.mmap(-1, {size}, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, {size}, 4096):
    area[at:at + 4096] = os.urandom(4096)
{then}
print("ready", flush=True)
sys.stdin.read()
"""
_FORKS = "children = [os.fork() or (sys.stdin.read(), os._exit(0)) for _ in range({forks})]"
_PAGED_OUT = "area.madvise(21, 0, {size})  # MADV_PAGEOUT"


@contextmanager
def process(size: int, then: str = "", python: Sequence[str] = (sys.executable,)) -> Iterator[int]:
    """A process with `size` bytes of distinct pages, running the line `then` after that."""
    program = _FILLED.format(size=size, then=then)
    with subprocess.Popen(
        [*python, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        try:
            assert running.stdout.readline() == b"ready\n"
            yield running.pid
        finally:
            assert running.stdin is not None
            running.stdin.close()
            running.wait(timeout=20)


def status(pid: int, field: str) -> int:
    """A size in bytes out of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {field}")


@contextmanager
def swapfile(folder: Path, size: int) -> Iterator[Path]:
    """A small swap area that is on while the test runs; skips where there can be none."""
    path = folder / "swapfile"
    with ExitStack() as cleanup:
        path.touch(mode=0o600)
        cleanup.callback(path.unlink)
        with path.open("wb") as file:
            for _ in range(size // MIB):
                file.write(bytes(MIB))
        subprocess.run(["mkswap", "-q", path], check=True, capture_output=True)
        done = subprocess.run(["swapon", path], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no swap here: {done.stderr.strip()}")
        cleanup.callback(lambda: subprocess.run(["swapoff", path], check=True))
        yield path


def test_every_anonymous_page_is_counted() -> None:
    def resident() -> int:
        return status(pid, "RssAnon") + status(pid, "RssShmem")

    with process(16 * MIB) as pid:
        for _ in range(5):
            before = resident()
            (source,) = estimate("--pid", pid)["sources"]
            if abs(resident() - before) < MIB // 2:
                break  # khugepaged did not fill holes meanwhile
    assert source["unreadable_pages"] == 0
    # /proc/PID/status adds up counters that each CPU keeps, so it is some pages behind.
    assert abs(source["pages"] * PAGE - before) < MIB


def test_pages_shared_after_a_fork_are_counted_once() -> None:
    with process(16 * MIB, _FORKS.format(forks=3)) as pid:
        document = estimate("--pid", pid, "--children")
    assert len(document["sources"]) == 4
    assert 16 * MIB <= document["pages"]["total"] * PAGE < 40 * MIB
    assert document["sources"][1]["pages"] * PAGE < 8 * MIB


def test_shared_memory_is_counted_once() -> None:
    then = (
        "fd = os.memfd_create('x'); os.ftruncate(fd, 8 << 20); m = mmap.mmap(fd, 8 << 20); "
        "m[:] = os.urandom(8 << 20)\n" + _FORKS.format(forks=2)
    )
    with process(PAGE, then) as pid:
        document = estimate("--pid", pid, "--children", "--group-by", "mapping")
    (shmem,) = (group for group in document["groups"] if group["name"] == "shmem")
    assert shmem["pages"] == 8 * MIB // PAGE


def test_swapped_pages_stay_swapped_and_are_named(tmp_path: Path) -> None:
    size = 8 * MIB
    with swapfile(tmp_path, 32 * MIB), process(size, _PAGED_OUT.format(size=size)) as pid:
        before = status(pid, "VmSwap")
        assert before >= size * 0.9, "the kernel did not page it out"
        (source,) = estimate("--pid", pid)["sources"]
        assert status(pid, "VmSwap") == before
        assert source["swapped_pages"] * PAGE == before
        assert source["pages"] * PAGE < size


def test_a_process_is_neither_stopped_nor_written(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    calls = "trace=ptrace,kill,process_vm_writev,pwrite64,openat"
    tool = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--jobs", "1", "--pid"]
    with process(4 * MIB) as pid:
        subprocess.run(
            ["strace", "-f", "-e", calls, "-o", trace, *tool, str(pid)],
            check=True,
            capture_output=True,
        )
    lines = trace.read_text().splitlines()
    opened = [line for line in lines if f"/proc/{pid}/" in line]
    assert opened
    assert all("O_RDONLY" in line for line in opened)
    forbidden = ("ptrace(", "process_vm_writev(", "pwrite64(", f"kill({pid}")
    assert not any(call in line for line in lines for call in forbidden)


def test_all_processes_are_measured() -> None:
    with process(4 * MIB) as pid:
        document = estimate("--all")
    names = [source["name"] for source in document["sources"]]
    assert any(name.endswith(f"[{pid}]") for name in names)
    assert document["pages"]["total"] * PAGE > 4 * MIB


def test_a_process_that_ends_is_reported_and_the_rest_goes_on() -> None:
    from ghostswap.census.codecs import find
    from ghostswap.census.scan import scan
    from ghostswap.pages.process import Processes

    processes = Processes(PAGE)
    with process(4 * MIB) as staying:
        with process(4 * MIB) as leaving:
            sources = [processes.open(leaving), processes.open(staying)]
        census = scan(sources, PAGE, [find("lz4")], jobs=2)
    gone, there = census.sources
    assert not census.readable[gone.first : gone.first + gone.pages].any()
    assert census.readable[there.first : there.first + there.pages].mean() > 0.9
    assert "has ended" in gone.facts.warnings[0]
    assert not gone.facts.incomplete


def test_a_process_that_does_not_exist_is_refused_in_one_line() -> None:
    assert "no such process" in refusal("--pid", 4_000_000)


# Without capabilities root is a user like another: it may read only what has none either.
_UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable]


def unprivileged(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*_UNPRIVILEGED, "-m", "ghostswap", "estimate-dedup", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def _setpriv() -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed")


@pytest.mark.usefixtures("_setpriv")
def test_without_privileges_ones_own_processes_are_measured() -> None:
    with process(4 * MIB, _FORKS.format(forks=1), python=_UNPRIVILEGED) as pid:
        done = unprivileged("--json", "--pid", pid, "--children")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["pages"]["total"] * PAGE >= 8 * MIB  # which pages are shared cannot be told
    assert "CAP_SYS_ADMIN" in document["sources"][0]["warnings"][0]


@pytest.mark.usefixtures("_setpriv")
def test_without_privileges_anothers_process_is_refused_and_says_what_is_needed() -> None:
    done = unprivileged("--pid", os.getpid())
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "CAP_SYS_PTRACE" in done.stderr


@pytest.mark.usefixtures("_setpriv")
def test_without_privileges_all_means_what_may_be_read_and_names_the_rest() -> None:
    with process(4 * MIB, python=_UNPRIVILEGED) as pid, process(4 * MIB) as other:
        done = unprivileged("--json", "--all")
    assert done.returncode == 0, done.stderr
    sources = {source["name"]: source for source in json.loads(done.stdout)["sources"]}
    (mine,) = (source for name, source in sources.items() if name.endswith(f"[{pid}]"))
    (theirs,) = (source for name, source in sources.items() if name.endswith(f"[{other}]"))
    assert mine["pages"] * PAGE >= 4 * MIB
    assert theirs["pages"] == 0
    assert theirs["unreadable_pages"] * PAGE >= 4 * MIB
    assert "CAP_SYS_PTRACE" in theirs["warnings"][0]


def test_nothing_that_can_be_read_is_an_error() -> None:
    assert "no such process runs" in refusal("--name", "no such name at all")


def test_locked_memory_is_counted_with_a_warning() -> None:
    lock = "import ctypes; assert ctypes.CDLL(None).mlockall(1) == 0"
    with process(4 * MIB, lock) as pid:
        (source,) = estimate("--pid", pid)["sources"]
    assert source["pages"] * PAGE >= 4 * MIB
    assert "locked" in source["warnings"][0]


def test_many_processes_are_measured_at_once() -> None:
    with process(PAGE, _FORKS.format(forks=600)) as pid:
        done = run_estimate("--json", "--pid", pid, "--children")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(document["sources"]) == 601


def test_hundreds_of_refusals_are_a_few_lines() -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed")
    with (
        process(PAGE, _FORKS.format(forks=100)),
        process(PAGE, python=_UNPRIVILEGED) as own,
    ):
        done = unprivileged("--all")
        quiet = unprivileged("--all", "--quiet")
    assert own
    assert (done.returncode, quiet.returncode) == (0, 0)
    assert done.stderr.count("\n") < 12
    assert "--json has them all" in done.stderr
    assert quiet.stderr == ""


def test_processes_that_come_and_go_are_no_error() -> None:
    churn = "for i in $(seq 1000); do /bin/true; done; echo done"
    with subprocess.Popen(["bash", "-c", churn], stdout=subprocess.PIPE) as shell:
        try:
            for _ in range(3):
                done = run_estimate("--name", "^(bash|true)$", "--quiet")
                assert (done.returncode, done.stderr) == (0, "")
        finally:
            shell.kill()
