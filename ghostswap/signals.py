"""What becomes of a run that a signal is to end: it unwinds as for Ctrl-C, and cleans up.

Where an interruption would lose what was learnt (`held`), a signal waits for the next place that is
ready for it (`heeded`), or for the end of the block.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# timeout(1), service managers and closing terminals send two signals, or one twice: the second is
# not to cut the cleaning up short. One that comes later does.
_SAME_SECONDS = 1.0
# How long output may keep a signal waiting: whoever reads it may have stopped.
OUTPUT_SECONDS = 3.0


class EndedError(KeyboardInterrupt):
    """A signal is to end this run.

    A class of its own: a plain KeyboardInterrupt that comes while Python executes text, as
    dataclasses do, makes the interpreter end by SIGINT, whoever catches it (run_eval_code_obj()).
    """


class _Waiting:
    """What the one main thread does about signals."""

    held = False
    seconds = 0.0  # that one may wait; 0 for as long as the block takes
    came = False  # one that waits


@contextmanager
def held(seconds: float = 0.0) -> Iterator[None]:
    """A signal that comes in this block waits, `seconds` at most if given; it is raised by the next
    `heeded` or never. A second one is raised at once."""
    before = _Waiting.held, _Waiting.seconds
    _Waiting.held, _Waiting.seconds = True, seconds
    if seconds and _Waiting.came:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        _Waiting.held, _Waiting.seconds = before
        if seconds:
            signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def heeded() -> Iterator[None]:
    """Inside `held`: a signal that waits is raised now, one that comes in this block at once."""
    with free():
        if _Waiting.came:
            _Waiting.came = False
            raise EndedError
        yield


@contextmanager
def free() -> Iterator[None]:
    """Inside `held`: a signal that comes in this block is raised at once; one that waits, waits."""
    before, _Waiting.held = _Waiting.held, False
    try:
        yield
    finally:
        _Waiting.held = before


def waits() -> bool:
    """Whether a signal has come that nobody has heeded."""
    return _Waiting.came


@contextmanager
def unwinding() -> Iterator[list[int]]:
    """Raise EndedError, inside the block, for each signal that ends a run; what came is in
    the list. A signal that is ignored (nohup, a shell's background job) stays so."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came  # only the main thread may set handlers, and only it gets signals
        return
    last = -_SAME_SECONDS

    def end(number: int, frame: object) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _SAME_SECONDS:
            return
        last = now
        came.append(number)
        if not _Waiting.held or len(came) > 1:
            raise EndedError
        _Waiting.came = True
        if _Waiting.seconds:
            signal.setitimer(signal.ITIMER_REAL, _Waiting.seconds)

    def end_at_last(number: int, frame: object) -> None:
        raise EndedError

    before = {number: signal.getsignal(number) for number in _ENDING}
    alarm = signal.getsignal(signal.SIGALRM)
    try:
        for number, handler in before.items():
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, end)
        signal.signal(signal.SIGALRM, end_at_last)
        yield came
    finally:
        _Waiting.came = False
        signal.signal(signal.SIGALRM, alarm)
        for number, handler in before.items():
            signal.signal(number, handler)
