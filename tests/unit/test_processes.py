"""Which processes are meant, what they have mapped, and which pages are met twice."""

import os
import signal
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.errors import GhostswapError, UsageError
from ghostswap.host.frames import SeenFrames
from ghostswap.host.maps import Backing, parse_maps, parse_mounts
from ghostswap.host.processes import Selection, select
from ghostswap.pages.process import parse_status

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
    (area,) = parse_maps(line)
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
    "wanted",
    [Selection(names=["no such name at all"]), Selection(cgroups=["/no/such/group"])],
)
def test_what_fits_no_process_is_said(wanted: Selection) -> None:
    with pytest.raises(GhostswapError, match="no such process runs"):
        select(wanted)


@pytest.mark.parametrize("wanted", [Selection(names=["("]), Selection(users=["no-such-user"])])
def test_what_cannot_be_meant_is_a_usage_error(wanted: Selection) -> None:
    with pytest.raises(UsageError):
        select(wanted)


@given(st.lists(st.lists(st.integers(1, 1 << 24), max_size=30), max_size=6))
def test_a_page_of_memory_is_new_once(batches: list[list[int]]) -> None:
    seen, met = SeenFrames(), set[int]()
    for batch in batches:
        new = seen.first_seen(np.array(batch, dtype=np.uint64))
        fresh = [frame for frame, is_new in zip(batch, new, strict=True) if is_new]
        assert len(fresh) == len(set(fresh))
        assert set(fresh) == set(batch) - met
        met |= set(batch)


def test_sizes_of_a_process_are_read_from_its_status() -> None:
    status = parse_status(b"Name:\tVmLck: 7 kB\nVmLck:\t       8 kB\nRssAnon:\t 1024 kB\n")
    assert status == {"RssAnon": 1 << 20, "RssShmem": 0, "VmSwap": 0, "VmLck": 8192}
