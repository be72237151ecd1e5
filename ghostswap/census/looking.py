"""Running processes as sources of pages, each looked at by a child that can be given up."""

from collections.abc import Iterator, Sequence
from functools import partial

from ghostswap.census.workers import Workers
from ghostswap.errors import GhostswapError
from ghostswap.pages.process import Processes
from ghostswap.pages.source import Source
from ghostswap.pulse import PATIENCE_SECONDS, Pulse

_Answer = Source | GhostswapError


def look_at(pids: Sequence[int], processes: Processes) -> Iterator[tuple[int, _Answer]]:
    """Each process as a source, or why it is none, in the order given.

    A process that holds its page tables, as while it waits for a file system that does not answer,
    makes everybody hang who looks at them. So a child does that, one for all processes; what it has
    seen so far is in memory that its successor shares.
    """

    def prepare(pulse: Pulse) -> partial[_Answer]:
        return partial(_answer, processes, pulse)

    with Workers[int, _Answer](1, prepare) as child:
        for pid, answer in child.map(pids):
            yield (
                pid,
                answer
                or GhostswapError(
                    f"process {pid}",
                    f"the kernel gave no answer for {PATIENCE_SECONDS} s; it is left out",
                ),
            )


def _answer(processes: Processes, pulse: Pulse, pid: int) -> _Answer:
    try:
        return processes.open(pid, pulse)
    except GhostswapError as error:
        return error
