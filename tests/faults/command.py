"""The command as a process of its own, to be stopped, killed and starved; and what it leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

COMMAND = (sys.executable, "-m", "ghostswap")


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `ghostswap …` to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )


_DISTURBED = """
import importlib, os, signal, sys, time
module, name = sys.argv[1].split(":")
module = importlib.import_module(module)
real = getattr(module, name)
def disturbed(*arguments, **options):
    setattr(module, name, real)
    exec(sys.argv[2])
    return real(*arguments, **options)
setattr(module, name, disturbed)
from ghostswap.cli.app import run
sys.exit(run(sys.argv[3:]))
"""


def run_disturbed(
    where: str, statement: str, *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Run `ghostswap …`, where a Python statement comes in between as the function `where`, named
    as module:function, is called for the first time."""
    command = [sys.executable, "-c", _DISTURBED, where, statement, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@contextmanager
def start(*arguments: object, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """`ghostswap …`, started in a session of its own, as a shell starts a job; it is killed with
    all its processes where the test is over before it."""
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def workers_of(process: subprocess.Popen[str], least: int = 1, seconds: float = 20) -> list[int]:
    """Its worker processes, once there are at least so many."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        children = [child.pid for child in psutil.Process(process.pid).children()]
        if len(children) >= least:
            return children
        time.sleep(0.005)
    raise AssertionError("no worker process came")


def at_work(process: subprocess.Popen[str], seconds: float = 0.3) -> list[int]:
    """Its worker processes, once they have used so much processor time together: a state to wait
    for, where sleeping would find a fast machine done and a busy one not begun."""
    while process.poll() is None:
        workers = workers_of(process)  # a live source's first ones only look, and end
        with suppress(psutil.NoSuchProcess):
            if sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in workers) >= seconds:
                return workers
        time.sleep(0.01)
    raise AssertionError("it ended before its workers had worked so long")


def left_in_session(leader: int) -> list[int]:
    """Processes that still run in the session that `leader` began."""
    open_by = []
    for pid in psutil.pids():
        try:
            if os.getsid(pid) == leader and _runs(pid):
                open_by.append(pid)
        except ProcessLookupError:
            continue
    return open_by


def all_gone(pids: list[int], seconds: float = 5) -> bool:
    """Whether these processes have ended, soon."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not any(_runs(pid) for pid in pids):
            return True
        time.sleep(0.01)
    return False


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def one_line(text: str) -> bool:
    """Whether that is one line of ours: no traceback, nothing else."""
    return text.count("\n") == 1 and text.startswith("ghostswap: ")


def has_traceback(errors: str) -> bool:
    """Whether a traceback came out of the program; one of an interpreter that was still starting
    (it runs site.main()) does not count, for nothing of ours was running."""
    return "Traceback" in errors and "ghostswap/__main__.py" in errors


def noise(path: Path, mebibytes: int) -> Path:
    """A dump of pages that are all distinct and hard to compress: work for every worker."""
    with path.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))
    return path
