"""What a user without rights is told: one line that names the thing and the reason."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.command import COMMAND, one_line

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give up its rights")
NOBODY, SOMEBODY = 65534, 1
_NO_CAPABILITY = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")


@pytest.fixture(scope="module")
def without() -> Sequence[str]:
    """What makes a command run without any right: as nobody, or, where nobody may not read this
    Python, as a root without capabilities."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (package util-linux) is not installed")
    nobody = (*_NO_CAPABILITY, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    tried = [*nobody, sys.executable, "-c", "import ghostswap, numpy"]
    reads = subprocess.run(tried, capture_output=True, check=False).returncode == 0
    return nobody if reads else _NO_CAPABILITY


@pytest.fixture
def nobody(without: Sequence[str]) -> None:
    """Skips where the command runs as a root without capabilities, who may still do much: devices
    and switches of the kernel are root's files."""
    if without is _NO_CAPABILITY:
        pytest.skip("nobody may not read this Python, so there is only root to try with")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that all may write; pytest's own are closed to others."""
    with TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder of somebody else's, that all may read."""
    with TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        os.chown(name, SOMEBODY, SOMEBODY)
        yield Path(name)


@pytest.fixture
def other_process() -> Iterator[int]:
    """The number of a process of somebody else's, with memory of its own."""
    with subprocess.Popen(["sleep", "60"], user=SOMEBODY, group=SOMEBODY) as process:
        yield process.pid
        process.kill()


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(without: Sequence[str]) -> Run:
    """Runs `ghostswap …` without any right."""

    def run_it(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [*without, *COMMAND, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run_it


@pytest.fixture
def secret(folder: Path) -> Path:
    """Somebody else's file, in a folder that all may read."""
    path = folder / "secret"
    path.write_bytes(bytes(8192))
    path.chmod(0o600)
    os.chown(path, SOMEBODY, SOMEBODY)
    return path


@pytest.mark.parametrize(
    "arguments",
    [("estimate-dedup",), ("plan",), ("inspect",), ("label",), ("estimate-dedup", "--raw")],
    ids=" ".join,
)
def test_a_file_that_may_not_be_read_is_named(
    run: Run, secret: Path, arguments: tuple[str, ...]
) -> None:
    done = run(*arguments, secret)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ghostswap: {secret}: Permission denied\n"


def test_one_of_several_files_that_may_not_be_read_is_named(
    run: Run, secret: Path, folder: Path
) -> None:
    mine = folder / "mine"
    mine.write_bytes(bytes(4096))
    done = run("estimate-dedup", mine, secret)
    assert (done.returncode, done.stderr) == (1, f"ghostswap: {secret}: Permission denied\n")


def test_a_ghost_cannot_be_made_where_one_may_not_write(run: Run, closed: Path) -> None:
    done = run("mkghost", closed / "ghost", "--size", "1G")
    assert (done.returncode, list(closed.iterdir())) == (1, [])
    assert one_line(done.stderr)
    assert "Permission denied" in done.stderr


def test_a_census_cannot_be_saved_where_one_may_not_write(
    run: Run, folder: Path, closed: Path
) -> None:
    dump = folder / "dump"
    dump.write_bytes(bytes(4096))
    done = run("estimate-dedup", dump, "--save", closed / "census")
    assert (done.returncode, list(closed.iterdir())) == (1, [])
    assert one_line(done.stderr)
    assert "Permission denied" in done.stderr


def test_somebody_elses_process_is_refused_by_its_number(run: Run, other_process: int) -> None:
    done = run("estimate-dedup", "--pid", other_process)
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr)
    assert str(other_process) in done.stderr
    assert "CAP_SYS_PTRACE" in done.stderr


def test_where_no_process_may_be_read_that_is_said(run: Run, other_process: int) -> None:
    done = run("estimate-dedup", "--user", pwd.getpwuid(SOMEBODY).pw_name)
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr)
    assert "CAP_SYS_PTRACE" in done.stderr


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("engine", ["--engine=kernel", "--verify"])
def test_the_kernel_engine_without_rights_is_refused(run: Run, folder: Path, engine: str) -> None:
    dump = folder / "dump"
    dump.write_bytes(bytes(4096))
    done = run("estimate-dedup", engine, dump)
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr)
    assert "root" in done.stderr or "modprobe" in done.stderr


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("arguments", [("on", "--size", "1G"), ("off", "--all")], ids=" ".join)
def test_on_and_off_without_rights_are_refused(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert one_line(done.stderr)


def test_the_host_can_be_looked_at_without_rights(run: Run) -> None:
    done = run("inspect", "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_own_processes_need_no_rights(run: Run, without: Sequence[str]) -> None:
    command = [*without, sys.executable, "-S", "-c", "print(flush=True); input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        done = run("estimate-dedup", "--json", "--quiet", "--pid", process.pid)
        process.kill()
    assert (done.returncode, done.stderr) == (0, "")
