"""Work done by forked processes: small tasks and results travel, pages never do."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Generic, TypeVar

from ghostswap.errors import GhostswapError
from ghostswap.host.core_file import leave_no_core
from ghostswap.pulse import Pulse, Watch
from ghostswap.signals import heeded

# So that a worker finds its next task waiting while its last result is still being read.
TASKS_AHEAD = 2
_LOOK_SECONDS = 1.0  # between two looks at what the workers do
_KILL_SECONDS = 5.0

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerFailedError(GhostswapError):
    """A worker process ended before it answered."""


class Workers(Generic[Task, Result]):
    """`jobs` processes forked from this one: each calls `prepare` once, with its pulse, and what
    that returns on every task. What they are to share must exist before.

    A worker that is stuck in the kernel (see Pulse) is given up, and another takes its place.
    """

    def __init__(
        self,
        jobs: int,
        prepare: Callable[[Pulse], Callable[[Task], Result]],
        tasks_ahead: int = TASKS_AHEAD,
    ) -> None:
        self._prepare = prepare
        self._tasks_ahead = tasks_ahead
        self._pulses = Pulse.shared(jobs)
        self._watch = Watch(self._pulses)
        self._ends: list[connection.Connection] = []
        self._processes: list[ForkProcess] = []
        for number in range(jobs):
            end, process = self._fork(number)
            self._ends.append(end)
            self._processes.append(process)

    def _fork(self, number: int) -> tuple[connection.Connection, ForkProcess]:
        ours, theirs = connection.Pipe()
        process = get_context("fork").Process(
            target=_work,
            args=(theirs, [ours, *self._ends], partial(self._prepare, self._pulses[number])),
            daemon=True,
        )
        process.start()
        theirs.close()
        return ours, process

    def __enter__(self) -> "Workers[Task, Result]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers at once: whatever they still do, nobody waits for it."""
        for end in self._ends:
            end.close()
        for process in self._processes:
            _end(process)

    def map(
        self, tasks: Iterable[Task], keep: Callable[[Task], bool] = lambda task: True
    ) -> Iterator[tuple[Task, Result | None]]:
        """Each task with its result, in the order in which they are done.

        `tasks` is taken from only when a worker can begin soon, so it may be long or lazy; a task
        that is not to `keep` when its turn comes is left out. The result is None where the worker
        was stuck and had to be given up. Raises WorkerFailedError, with the cause, when a worker
        dies.
        """
        again: list[Task] = []  # tasks of a worker that was given up
        waiting: list[list[Task]] = [[] for _ in self._ends]
        pending = filter(keep, tasks)

        def feed(number: int) -> None:
            while len(waiting[number]) < self._tasks_ahead:
                for task in chain(filter(keep, _emptied(again)), pending):
                    self._ends[number].send(task)
                    waiting[number].append(task)
                    break
                else:
                    return

        looked = time.monotonic()
        try:
            for number in range(len(waiting)):
                feed(number)
            while busy := [number for number, tasks_of in enumerate(waiting) if tasks_of]:
                ends = [self._ends[number] for number in busy]
                with heeded():
                    answered = _answered(ends, _LOOK_SECONDS)
                for number, end, has_answer in zip(busy, ends, answered, strict=True):
                    if not has_answer:
                        continue
                    failure, result = end.recv()
                    if failure is not None:
                        raise failure
                    task = waiting[number].pop(0)
                    feed(number)
                    yield task, result
                if time.monotonic() - looked < _LOOK_SECONDS:
                    continue
                looked = time.monotonic()
                for number in self._watch.stuck():
                    if waiting[number]:
                        stuck, *others = waiting[number]
                        again += others
                        waiting[number] = []
                        self._replace(number)
                        yield stuck, None
                for number in range(len(waiting)):
                    feed(number)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            with heeded():  # whoever ended the workers may have meant us all
                raise self._cause() from None

    def _replace(self, number: int) -> None:
        """Give up a worker, and fork another."""
        self._ends[number].close()
        _end(self._processes[number])
        self._pulses[number].reset()
        del self._ends[number]
        end, self._processes[number] = self._fork(number)
        self._ends.insert(number, end)

    def _cause(self) -> WorkerFailedError:
        for process in self._processes:
            process.join(timeout=0.2)
            if process.exitcode is not None and process.exitcode < 0:
                name = signal.Signals(-process.exitcode).name
                hint = " (out of memory?)" if name == "SIGKILL" else ""
                return WorkerFailedError(
                    f"worker process {process.pid}", f"was killed by {name}{hint}"
                )
        return WorkerFailedError("a worker process", "ended before its work was done")


def _answered(ends: Sequence[connection.Connection], seconds: float) -> list[bool]:
    """Which of these have something to say, or have been closed; waits so long for the first.

    As connection.wait() does, in a tenth of its 40 µs, which thousands of small tasks would pay.
    """
    waiting = select.poll()
    for end in ends:
        waiting.register(end, select.POLLIN)
    ready = {fd for fd, _ in waiting.poll(seconds * 1000)}
    return [end.fileno() in ready for end in ends]


def _emptied(tasks: list[Task]) -> Iterator[Task]:
    """The tasks of a list, taken out of it one by one."""
    while tasks:
        yield tasks.pop(0)


def _end(process: ForkProcess) -> None:
    """Kill it, and wait for it as long as a kill takes: what is stuck in the kernel for good, and
    deaf even to SIGKILL, is left to the kernel."""
    process.kill()
    process.join(timeout=_KILL_SECONDS)


def _work(
    end: connection.Connection,
    others: list[connection.Connection],
    prepare: Callable[[], Callable[[Task], Result]],
) -> None:
    """The life of a worker: until its parent closes the pipe, or dies."""
    # These reach the whole process group; the parent decides what becomes of the work.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    leave_no_core()
    # Else it would keep its siblings' pipes open: theirs after the parent has died, and its own
    # ends of them after they have died, and nobody would notice.
    for other in others:
        other.close()
    try:
        serve = prepare()
        while True:
            task = end.recv()
            answer: tuple[GhostswapError | None, Result | None]
            try:
                answer = (None, serve(task))
            except GhostswapError as error:
                answer = (error, None)
            except Exception as error:
                cause = f"failed: {type(error).__name__}: {error}"
                answer = (WorkerFailedError(f"worker process {os.getpid()}", cause), None)
            end.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        os._exit(0)
