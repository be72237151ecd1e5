"""Tells a process whether its workers are stuck: inside one call that does not come back.

A call into the kernel about another process may wait as long as that process holds its page tables
(mmap_lock), which may be for ever. Only what the worker is doing tells that from long work.
"""

import mmap
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TypeVar

import numpy as np

# How long one call may take. Such calls take milliseconds, and seconds where memory is short.
PATIENCE_SECONDS = 10

Item = TypeVar("Item")


class Pulse:
    """What one worker does: `with pulse:` around each call that may not come back.

    A number in memory that forked processes share, odd inside such a call and another each time.
    """

    def __init__(self, number: "np.ndarray[tuple[int], np.dtype[np.int64]] | None" = None) -> None:
        self._number = np.zeros(1, dtype=np.int64) if number is None else number

    @staticmethod
    def shared(workers: int) -> "list[Pulse]":
        """One for each worker to be forked."""
        numbers = np.frombuffer(mmap.mmap(-1, 8 * workers), dtype=np.int64)
        return [Pulse(numbers[at : at + 1]) for at in range(workers)]

    def __enter__(self) -> None:
        self._number[0] |= 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._number[0] += 1

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """`items`, each of which is made inside the call."""
        pending = iter(items)
        while True:
            with self:
                made = next(pending, _END)
            if isinstance(made, _End):
                return
            yield made

    def reset(self) -> None:
        """Nothing is being done: for the worker that takes the place of another."""
        self._number[0] = (self._number[0] | 1) + 1

    @property
    def inside(self) -> int | None:
        """Which call the worker is in; None where it is in none."""
        number = int(self._number[0])
        return number if number & 1 else None


class Watch:
    """Looks at pulses once a second, and tells which workers have been in one call for too long.

    It counts looks and not time, so that nobody is given up because everything was stopped for a
    while (SIGSTOP, a suspended machine).
    """

    def __init__(self, pulses: Sequence[Pulse]) -> None:
        self._pulses = pulses
        self._last: list[int | None] = [None] * len(pulses)
        self._looks = [0] * len(pulses)

    def stuck(self) -> list[int]:
        """The numbers of workers that are stuck, now that another second has gone by."""
        for worker, pulse in enumerate(self._pulses):
            inside = pulse.inside
            same = inside is not None and inside == self._last[worker]
            self._looks[worker] = self._looks[worker] + 1 if same else 0
            self._last[worker] = inside
        return [at for at, looks in enumerate(self._looks) if looks >= PATIENCE_SECONDS]


class _End:
    """Stands for the end of items."""


_END = _End()
