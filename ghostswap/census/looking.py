"""Running processes as sources of pages, looked at by children that can be given up."""

import os
from collections.abc import Iterator, Sequence
from functools import partial

from ghostswap.census.workers import Workers
from ghostswap.errors import GhostswapError
from ghostswap.pages.process import Processes
from ghostswap.pages.source import Source
from ghostswap.pulse import PATIENCE_SECONDS, Pulse

# A look takes some 0.5 ms, of which 20 µs while no other child may note what it has seen.
_MOST_CHILDREN, _PROCESSES_FOR_EACH = 8, 100
_LOOKS_AHEAD = 8  # so short are they that a child would often have to wait for its next

_Answer = Source | GhostswapError


def look_at(pids: Sequence[int], processes: Processes) -> Iterator[tuple[int, _Answer]]:
    """Each process as a source, or why it is none, in the order given.

    A process that holds its page tables, as while it waits for a file system that does not answer,
    makes everybody hang who looks at them. So children do that, a few for all processes; what they
    have seen so far is in memory that they and their successors share.
    """

    def prepare(pulse: Pulse) -> partial[_Answer]:
        return partial(_answer, processes, pulse)

    useful = min(len(os.sched_getaffinity(0)), _MOST_CHILDREN)
    number = min(useful, len(pids) // _PROCESSES_FOR_EACH + 1)
    with Workers[int, _Answer](number, prepare, _LOOKS_AHEAD) as children:
        answers: dict[int, _Answer] = {}
        due = iter(pids)
        next_pid = next(due, None)
        for pid, answer in children.map(pids):
            answers[pid] = answer or GhostswapError(
                f"process {pid}",
                f"the kernel gave no answer for {PATIENCE_SECONDS} s; it is left out",
            )
            while next_pid in answers:
                yield next_pid, answers.pop(next_pid)
                next_pid = next(due, None)


def _answer(processes: Processes, pulse: Pulse, pid: int) -> _Answer:
    try:
        return processes.open(pid, pulse)
    except GhostswapError as error:
        return error
