"""Work done by forked processes: small tasks and results travel, pages never do."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection, get_context
from types import TracebackType
from typing import Generic, TypeVar

from ghostswap.errors import GhostswapError

# So that a worker finds its next task waiting while its last result is still being read.
TASKS_AHEAD = 2

Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerFailedError(GhostswapError):
    """A worker process ended before it answered."""


class Workers(Generic[Task, Result]):
    """`jobs` processes forked from this one: each calls `prepare` once, and what that returns on
    every task. What they are to share must exist before."""

    def __init__(self, jobs: int, prepare: Callable[[], Callable[[Task], Result]]) -> None:
        context = get_context("fork")
        pairs = [connection.Pipe() for _ in range(jobs)]
        self._ends = [ours for ours, _ in pairs]
        ends = [end for pair in pairs for end in pair]
        self._processes = [
            context.Process(
                target=_work,
                args=(theirs, [end for end in ends if end is not theirs], prepare),
                daemon=True,
            )
            for _, theirs in pairs
        ]
        for process in self._processes:
            process.start()
        for _, theirs in pairs:
            theirs.close()

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
            process.kill()
            process.join()

    def map(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Each task with its result, in the order in which they are done.

        `tasks` is taken from only when a worker can begin soon, so it may be long or lazy. Raises
        WorkerFailedError, with the cause, when a worker dies.
        """
        pending = iter(tasks)
        waiting: dict[connection.Connection, list[Task]] = {end: [] for end in self._ends}

        def feed(end: connection.Connection) -> None:
            while len(waiting[end]) < TASKS_AHEAD:
                for task in pending:
                    end.send(task)
                    waiting[end].append(task)
                    break
                else:
                    return

        try:
            for end in self._ends:
                feed(end)
            while busy := [end for end, tasks_of in waiting.items() if tasks_of]:
                answered = connection.wait(busy)
                for end in filter(answered.__contains__, busy):
                    failure, result = end.recv()
                    if failure is not None:
                        raise failure
                    task = waiting[end].pop(0)
                    feed(end)
                    yield task, result
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise self._cause() from None

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


def _work(
    end: connection.Connection,
    others: list[connection.Connection],
    prepare: Callable[[], Callable[[Task], Result]],
) -> None:
    """The life of a worker: until its parent closes the pipe, or dies."""
    # A Ctrl-C reaches the whole process group; the parent decides what becomes of the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
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
