"""Does a parser hold whatever comes? Runs it on changed inputs, in a process that may well die.

The input is in memory shared with the parent before it is parsed, so that one that ends the process
with a signal is known too. Where Python tells which lines run (3.12), an input that reaches a new
one is kept and changed further.
"""

import mmap
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

import ghostswap
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import Target

HANG_SECONDS = 5.0  # of processor time, so that a busy machine is not taken for a hang
_WAIT_SECONDS = 60.0  # of sleep, for what never comes
_COUNTERS = 16  # bytes: executions, length of the input
_REASON_BYTES = 1 << 14
_PACKAGE = os.path.dirname(ghostswap.__file__)  # noqa: PTH120 - compared with co_filename


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went; `failing` is the input at which it ended, and `reason` why."""

    executions: int
    seconds: float
    failing: bytes | None = None
    reason: str = ""


def fuzz(target: Target, runs: int, seed: int) -> Outcome:
    """Run `target` on `runs` inputs; the same seed gives the same ones (unless lines guide it)."""
    room = _COUNTERS + target.most_bytes + _REASON_BYTES
    shared = memoryview(mmap.mmap(-1, room))
    begin = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _child(target, runs, seed, shared)
            status = 0
        except BaseException:
            trace = traceback.format_exc().encode()[-_REASON_BYTES:]
            shared[-_REASON_BYTES:] = trace.ljust(_REASON_BYTES, b"\0")
        finally:
            os._exit(status)
    reason = _watch(child, shared)
    executions = int.from_bytes(shared[:8], sys.byteorder)
    length = int.from_bytes(shared[8:16], sys.byteorder)
    failing = bytes(shared[_COUNTERS : _COUNTERS + length]) if reason else None
    return Outcome(executions, time.monotonic() - begin, failing, reason)


def _watch(child: int, shared: memoryview) -> str:
    """Wait for the child; what went wrong, or nothing."""
    seen, since, worked = b"", time.monotonic(), 0.0
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        now = bytes(shared[:8])
        if now != seen:
            seen, since, worked = now, time.monotonic(), _seconds_worked(child)
        elif _seconds_worked(child) - worked > HANG_SECONDS or (
            time.monotonic() - since > _WAIT_SECONDS and _sleeps(child)
        ):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"took more than {HANG_SECONDS:.0f} s"
        time.sleep(0.02)
    if os.WIFSIGNALED(status):
        return f"ended with {signal.Signals(os.WTERMSIG(status)).name}"
    if os.WEXITSTATUS(status):
        return bytes(shared[-_REASON_BYTES:]).rstrip(b"\0").decode(errors="replace")
    return ""


def _seconds_worked(child: int) -> float:
    """Processor time that a process has had: Documentation/scheduler/sched-stats.rst."""
    with open(f"/proc/{child}/schedstat") as file:  # noqa: PTH123
        return int(file.read().split()[0]) / 1e9


def _sleeps(child: int) -> bool:
    """Whether a process waits for something, rather than for a processor."""
    with open(f"/proc/{child}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(") ")[2][0] in "SD"


def _child(target: Target, runs: int, seed: int, shared: memoryview) -> None:
    draw = random.Random(f"{target.name} {seed}")
    corpus = list(target.inputs())
    for data in corpus:  # they parse; and what is loaded on first use is loaded
        target.run(data)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + target.memory_bytes,) * 2)
    fresh = _new_lines()
    for number in range(runs):
        data = mutated(draw, corpus, target.most_bytes)
        shared[:8] = number.to_bytes(8, sys.byteorder)
        shared[8:16] = len(data).to_bytes(8, sys.byteorder)
        shared[_COUNTERS : _COUNTERS + len(data)] = data
        target.run(data)
        if fresh():
            corpus.append(data)
    shared[:8] = runs.to_bytes(8, sys.byteorder)


def _address_space() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * resource.getpagesize()


def _new_lines() -> Callable[[], bool]:
    """Tells whether a line of ghostswap ran for the first time since the last call."""
    if sys.version_info < (3, 12):
        return lambda: False
    monitoring: Any = sys.monitoring
    lines_seen = [0]

    def line(code: CodeType, number: int) -> object:
        lines_seen[0] += code.co_filename.startswith(_PACKAGE)
        return monitoring.DISABLE  # each line is told once, and costs nothing after

    monitoring.use_tool_id(monitoring.COVERAGE_ID, "ghostswap-fuzz")
    monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, line)
    monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)

    def fresh() -> bool:
        any_new, lines_seen[0] = lines_seen[0] > 0, 0
        return any_new

    return fresh
