"""What becomes of a run that a signal is to end: it unwinds as for Ctrl-C, and cleans up."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# timeout(1), service managers and closing terminals send two signals, or one twice: the second is
# not to cut the cleaning up short. One that comes later does.
_SAME_SECONDS = 1.0


class EndedError(KeyboardInterrupt):
    """A signal is to end this run.

    A class of its own: a plain KeyboardInterrupt that comes while Python executes text, as
    dataclasses do, makes the interpreter end by SIGINT, whoever catches it (run_eval_code_obj()).
    """


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
        raise EndedError

    before = {number: signal.getsignal(number) for number in _ENDING}
    try:
        for number, handler in before.items():
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, end)
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
