"""A process that holds its page tables while a file system does not answer holds nobody else."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ghostswap import pulse
from ghostswap.census.codecs import find
from ghostswap.census.looking import look_at
from ghostswap.census.scan import scan
from ghostswap.errors import GhostswapError
from ghostswap.pages.process import Processes
from tests.estimates import estimate, refusal
from tests.faults.test_moving_targets import target

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not Path("/dev/fuse").exists(), reason="needs root and /dev/fuse"
)

# A file system with one file, of which nothing can be read: READ is never answered.
# include/uapi/linux/fuse.h: struct fuse_in_header, fuse_init_out, fuse_entry_out, fuse_attr.
_SERVER = """
import ctypes, os, struct, sys
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
if ctypes.CDLL(None, use_errno=True).mount(b"test", sys.argv[1].encode(), b"fuse", 0, options):
    sys.exit(os.strerror(ctypes.get_errno()))
print("ready", flush=True)
def attributes(node):
    mode = 0o40755 if node == 1 else 0o100644
    return struct.pack("<6Q10I", node, 4096, 8, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
LOOKUP, GETATTR, OPEN, READ, INIT = 1, 3, 14, 15, 26
while True:
    try:
        request = os.read(fd, 1 << 20)
    except OSError:
        break
    _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    if opcode == READ:
        continue
    answer = {
        INIT: struct.pack("<4I2H2I2HI28x", 7, 31, 65536, 0, 12, 8, 65536, 1, 0, 0, 0),
        LOOKUP: struct.pack("<4Q2I", 2, 0, 3600, 3600, 0, 0) + attributes(2),
        GETATTR: struct.pack("<Q2I", 3600, 0, 0) + attributes(node),
        OPEN: struct.pack("<Q2I", 1, 0, 0),
    }.get(opcode)
    error = 0 if answer is not None else -38
    body = answer or b""
    try:
        os.write(fd, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
    except OSError:
        pass
"""

# Once it is told to, one thread reads the file's page by way of /proc/self/mem, which keeps
# mmap_lock for reading; another maps something, which waits for it for writing; and everybody
# behind that.
_STUCK = """
import ctypes, mmap, os, sys, threading, time
held = os.urandom(64 * 4096)
fd = os.open(sys.argv[1], os.O_RDONLY)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p] + [ctypes.c_size_t] * 5
at = libc.mmap(None, 4096, 1, 2, fd, 0)
memory = os.open("/proc/self/mem", os.O_RDONLY)
def read():
    os.read(0, 1)
    os.pread(memory, 8, at)
def change():
    os.read(0, 1)
    time.sleep(0.3)
    libc.mmap(None, 4096, 1, 34, 2**64 - 1, 0)
for action in (read, change):
    threading.Thread(target=action, daemon=True).start()
print("ready", flush=True)
time.sleep(600)
"""


class Stuck:
    """A process that sticks once it is told to."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid

    def stick(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"xx")
        self._process.stdin.flush()
        time.sleep(1)


@contextmanager
def stuck_process(folder: Path) -> Iterator[Stuck]:
    mount = folder / "mount"
    mount.mkdir()
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _SERVER, mount], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        try:
            if server.stdout.readline() != b"ready\n":
                pytest.skip("FUSE cannot be mounted here")
            with subprocess.Popen(
                [sys.executable, "-S", "-c", _STUCK, mount / "file"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            ) as process:
                assert process.stdout is not None
                try:
                    assert process.stdout.readline() == b"ready\n"
                    yield Stuck(process)
                finally:
                    server.kill()  # which ends the waiting of all
                    process.kill()
        finally:
            server.kill()
            server.wait()
            subprocess.run(["umount", "-l", mount], check=False)


def test_one_that_hangs_is_one_line_and_the_others_are_measured(tmp_path: Path) -> None:
    with stuck_process(tmp_path) as stuck, target(4, "wait") as other:
        stuck.stick()
        began = time.monotonic()
        document = estimate("--pid", os.getpid(), "--children", "--quiet")
        assert time.monotonic() - began < 60
        sources = {source["name"].partition("[")[2]: source for source in document["sources"]}
        left_out = sources[f"{stuck.pid}]"]
        assert left_out["pages"] == 0
        assert left_out["unreadable_pages"] >= 64
        assert "gave no answer" in left_out["warnings"][0]
        assert sources[f"{other.pid}]"]["pages"] >= 4 * 256
        assert "gave no answer" in refusal("--pid", stuck.pid)


def test_one_that_hangs_while_it_is_read_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PATIENCE_SECONDS", 2)
    with stuck_process(tmp_path) as stuck, target(4, "wait") as other:
        processes = Processes(4096)
        sources = [processes.open(stuck.pid), processes.open(other.pid)]
        stuck.stick()
        census = scan(sources, 4096, [find("lz4")], jobs=2)
    hung, read = census.sources
    assert "the kernel gave no answer" in hung.facts.warnings[0]
    assert not census.readable[hung.first : hung.first + hung.pages].any()
    assert census.readable[read.first : read.first + read.pages].mean() > 0.9


def test_what_was_seen_before_a_hang_is_known_to_the_next_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PATIENCE_SECONDS", 2)
    with stuck_process(tmp_path) as stuck, target(4, "fork") as shared:
        stuck.stick()
        answers = dict(look_at([shared.pid, stuck.pid, os.getpid()], Processes(4096)))
    assert isinstance(answers[stuck.pid], GhostswapError)
    assert not isinstance(answers[os.getpid()], GhostswapError)


def test_an_interruption_ends_a_run_that_hangs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--pid"]
    with stuck_process(tmp_path) as stuck:
        stuck.stick()
        with subprocess.Popen(
            [*command, str(stuck.pid)], stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as run:
            time.sleep(3)
            run.send_signal(signal.SIGINT)
            _, errors = run.communicate(timeout=30)
        assert run.returncode in (1, 130)  # 1 where it gave up before
        assert "Traceback" not in errors
        with pytest.raises(ProcessLookupError):  # nobody of its session is left
            os.killpg(run.pid, 0)
