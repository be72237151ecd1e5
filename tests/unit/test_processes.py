"""Which processes are meant, what they have mapped, and which pages are met twice."""

import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import GhostswapError, UsageError
from ghostswap.host.frames import SeenFrames, frames_of_machine
from ghostswap.host.maps import Backing, parse_area, parse_mounts
from ghostswap.host.processes import Selection, select
from ghostswap.pages.process import Processes, parse_status
from tests.estimates import estimate

PAGE = mmap.PAGESIZE

MOUNTS = parse_mounts(
    b"22 1 0:21 / /proc rw - proc proc rw\n"
    b"30 1 0:26 / /dev/shm rw,nosuid shared:5 - tmpfs tmpfs rw\n"
    b"31 1 0:27 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M\n"
)


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A shell and its child, each with a name that nothing else has."""
    script = "exec -a ghostswap-child sleep 60 & echo $!; wait"
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        while Path(f"/proc/{child}/comm").read_text() != "sleep\n":  # it is not yet what it will be
            time.sleep(0.001)
        try:
            yield shell.pid, child
        finally:
            os.kill(child, signal.SIGTERM)
            shell.kill()


@pytest.mark.parametrize(
    ("line", "backing"),
    [
        (b"7f00-7f01 rw-p 0 00:00 0", Backing.PRIVATE),
        (b"7f00-7f01 rw-p 0 00:00 0 [heap]", Backing.PRIVATE),
        (b"7f00-7f01 r-xp 0 fd:01 77 /usr/lib/libc.so", Backing.PRIVATE),
        (b"7f00-7f01 rw-s 0 fd:01 77 /var/db", Backing.NONE),
        (b"7f00-7f01 rw-s 0 00:1a 77 /dev/shm/x", Backing.SHMEM),
        (b"7f00-7f01 rw-s 0 00:01 77 /memfd:x (deleted)", Backing.SHMEM),
        (b"7f00-7f01 rw-s 0 00:01 77 /dev/zero (deleted)", Backing.SHMEM),
        (b"7f00-7f01 rw-p 0 00:1b 77 /dev/hugepages/x", Backing.NONE),
        (b"7f00-7f01 rw-p 0 00:0f 77 /memfd:huge (deleted)", Backing.NONE),
        (b"7f00-7f01 rw-s 0 00:0f 77 /SYSV00000000 (deleted)", Backing.NONE),
        (b"7f00-7f01 rw-p 0 00:0f 77 /anon_hugepage (deleted)", Backing.NONE),
        (b"7f00-7f01 r-xp 0 00:00 0 [vdso]", Backing.NONE),
        (b"7f00-7f01 rw-s 0 00:05 77 /dev/dri/card0", Backing.NONE),
    ],
)
def test_only_memory_that_swap_can_take_is_counted(line: bytes, backing: Backing) -> None:
    area = parse_area(line)
    assert area.backing(MOUNTS) is backing


def test_a_process_is_found_by_its_number_once() -> None:
    assert select(Selection(pids=[7, 9, 7])) == [7, 9]


def test_children_are_found_with_their_parent(family: tuple[int, int]) -> None:
    shell, child = family
    assert select(Selection(pids=[shell], children=True)) == [shell, child]
    assert select(Selection(pids=[shell])) == [shell]


def test_a_process_is_found_by_name_user_and_among_all(family: tuple[int, int]) -> None:
    import os

    _, child = family
    assert child in select(Selection(names=["^sleep$"]))
    assert child in select(Selection(users=[str(os.geteuid())]))
    assert child in select(Selection(everyone=True))


def test_the_tool_itself_is_not_among_all_processes() -> None:
    import os

    assert os.getpid() not in select(Selection(everyone=True))


def test_the_root_control_group_holds_every_process(family: tuple[int, int]) -> None:
    assert set(family) <= set(select(Selection(cgroups=["/"])))


@pytest.mark.parametrize(
    "selection",
    [Selection(names=["no such name at all"]), Selection(cgroups=["/no/such/group"])],
)
def test_what_fits_no_process_is_said(selection: Selection) -> None:
    with pytest.raises(GhostswapError, match="no such process runs"):
        select(selection)


@pytest.mark.parametrize("selection", [Selection(names=["("]), Selection(users=["no-such-user"])])
def test_what_cannot_be_meant_is_a_usage_error(selection: Selection) -> None:
    with pytest.raises(UsageError):
        select(selection)


@given(st.lists(st.lists(st.integers(1, 1 << 24), max_size=30), max_size=6))
def test_a_page_of_memory_is_new_once(batches: list[list[int]]) -> None:
    seen, met = SeenFrames(1 << 24), set[int]()
    for batch in batches:
        new = seen.first_seen(np.array(batch, dtype=np.uint64))
        fresh = [frame for frame, is_new in zip(batch, new, strict=True) if is_new]
        assert len(fresh) == len(set(fresh))
        assert set(fresh) == set(batch) - met
        met |= set(batch)


def test_of_processes_that_ask_at_once_one_is_told_of_a_page() -> None:
    """Several look at processes side by side, and what they share is counted once."""
    frames, children = 1 << 20, 4
    seen, everything = SeenFrames(frames), np.arange(frames, dtype=np.uint64)
    new = np.frombuffer(mmap.mmap(-1, 8 * children), dtype=np.int64)
    begin = time.monotonic() + 0.2  # for all of them
    pids = []
    for child in range(children):
        if (pid := os.fork()) == 0:
            time.sleep(max(begin - time.monotonic(), 0))
            new[child] = np.count_nonzero(seen.first_seen(everything))
            os._exit(0)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * children
    assert new.sum() == frames


def test_a_process_that_is_killed_leaves_the_lock_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, frames = SeenFrames(1 << 16), np.arange(9, dtype=np.uint64)
    holds, says = os.pipe()

    def hold(_seen: SeenFrames, _frames: object) -> None:
        os.write(says, b"x")
        signal.pause()

    if (pid := os.fork()) == 0:
        monkeypatch.setattr(SeenFrames, "_first_seen", hold)
        seen.first_seen(frames)
    os.read(holds, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(holds)
    os.close(says)
    assert seen.first_seen(frames).all()


def test_frames_beyond_the_machine_are_new_each_time() -> None:
    seen = SeenFrames(64)
    frames = np.array([3, 3, 1 << 40, 1 << 40], dtype=np.uint64)
    assert seen.first_seen(frames).tolist() == [True, False, True, False]
    assert seen.first_seen(frames).tolist() == [False, False, True, False]


def test_a_forked_process_sees_what_was_met() -> None:
    seen = SeenFrames(1 << 20)
    if (child := os.fork()) == 0:
        seen.first_seen(np.array([77], dtype=np.uint64))
        os._exit(0)
    os.waitpid(child, 0)
    assert not seen.first_seen(np.array([77], dtype=np.uint64))[0]


def test_the_frames_of_the_machine_are_those_of_its_last_zone() -> None:
    zones = (
        b"Node 0, zone      DMA\n  pages free     1\n        spanned  4095\n"
        b"  start_pfn:           1\nNode 0, zone   Normal\n        spanned  5505024\n"
        b"  start_pfn:           1048576\nNode 0, zone  Movable\n        spanned  0\n"
        b"  start_pfn:           0\n"
    )
    assert frames_of_machine(zones) == 5505024 + 1048576
    assert frames_of_machine(b"") == 0


# What a name may hold and still be one: every line separator that str or bytes know but b"\n".
_SEPARATORS = [b"\r", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85", b"\xe2\x80\xa8"]


@pytest.mark.parametrize("separator", _SEPARATORS)
def test_a_name_cannot_end_a_line(separator: bytes) -> None:
    status = parse_status(b"Name:\tx" + separator + b"VmLck:x\nVmLck:\t       8 kB\n")
    assert status["VmLck"] == 8192
    line = b"7f00-7f01 rw-s 0 00:01 77 /memfd:" + separator + b"x (deleted)\n"
    area = parse_area(line)
    assert area.name == b"/memfd:" + separator + b"x (deleted)"
    mounts = parse_mounts(
        b"30 1 0:26 / /mnt/" + separator + b"30 rw - tmpfs tmpfs rw\n"
        b"31 1 0:27 / /mnt/x" + separator + b"31 1 0:28 / /y rw - hugetlbfs tmpfs rw\n"
    )
    assert mounts.tmpfs == {b"00:01", b"00:1a"}
    assert mounts.hugetlbfs == {b"00:1b"}


def test_sizes_that_are_none_are_no_sizes() -> None:
    assert parse_status(b"VmLck:\t-7 kB\nVmSwap:\nRssAnon:\t 1 MB\n")["VmLck"] == 0


@contextmanager
def named(comm: bytes, user: int | None = None) -> Iterator[int]:
    """A process that gives itself a name (prctl PR_SET_NAME), perhaps as another user."""
    program = (
        "import ctypes, os, sys\n"
        f"if {user} is not None: os.setgid({user}); os.setuid({user})\n"
        f"ctypes.CDLL(None).prctl(15, {comm!r}, 0, 0, 0)\n"
        "print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()


@pytest.mark.parametrize(
    "comm", [b"\rVmLck:x", b"a)b (c\nd) S 1", b"\x0bRssAnon:\t9", b"\xff\xfe", b") R 0 0"]
)
def test_a_process_may_have_any_name(comm: bytes) -> None:
    with named(comm) as pid:
        assert pid in select(Selection(everyone=True))
        assert pid in select(Selection(pids=[os.getpid()], children=True))
        source = Processes(PAGE).open(pid)
        assert source.runs.pages > 0
        assert estimate("--pid", pid, "--quiet")["sources"][0]["pages"] > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes a process of another user")
def test_a_name_does_not_make_a_process_anothers() -> None:
    with named(b"Uid:\t0\t0\t0\t0", user=65534) as pid:
        assert pid not in select(Selection(users=["root"]))
        assert pid in select(Selection(users=["65534"]))


def test_sizes_of_a_process_are_read_from_its_status() -> None:
    status = parse_status(b"Name:\tVmLck: 7 kB\nVmLck:\t       8 kB\nRssAnon:\t 1024 kB\n")
    assert status == {"RssAnon": 1 << 20, "RssShmem": 0, "VmSwap": 0, "VmLck": 8192}
