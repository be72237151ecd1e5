"""`python -m ghostswap`, and the console script: one command run, its exit status."""

# Only what the interpreter holds: Ctrl-C while signal, contextlib or typing load is a traceback.
import _signal  # type: ignore[import-not-found]
import codecs
import gc
import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_IN_ASCII = {"…": "...", "µ": "u", "±": "+-", "×": "*", "\N{MINUS SIGN}": "-"}
_COLLECT_AFTER = 100_000  # objects; starting makes tens of thousands, and no garbage


def main() -> None:
    """Run the command line and exit with its status."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        # While we start, and once the run is over, Ctrl-C ends this without a traceback.
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    gc.set_threshold(_COLLECT_AFTER)  # some 5 % of the time of `inspect FILE`
    # Else NumPy starts a thread a CPU for algebra, and these spin for 0.1 s beside our workers.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _prepare_standard_streams()
    from ghostswap.cli.app import run

    _leave(run(sys.argv[1:]))


def _prepare_standard_streams() -> None:
    """Where one of the three was closed, have /dev/null there: else the next file opened would be
    taken for it. And let stdout and stderr take any text."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the end
    # What the locale has no character for is no reason to fail.
    codecs.register_error("ghostswap", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = stream.isatty() and not _locale_has_utf8()
            stream.reconfigure(encoding="ascii" if ascii_only else None, errors="ghostswap")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """The first character that cannot be encoded, in ASCII: signs of ours by one like them, others
    by their number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    return _IN_ASCII.get(character) or ascii(character)[1:-1], error.start + 1


def _locale_has_utf8() -> bool:
    """Whether the user's locale has UTF-8: Python uses that in any case where it is C or unset, and
    then says so in its own environment (PEP 538), but not in the one it was started with."""
    try:
        with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - pathlib takes 5 ms
            started_with = dict(each.partition(b"=")[::2] for each in file.read().split(b"\0"))
    except OSError:
        return True
    names = (started_with.get(name) for name in (b"LC_ALL", b"LC_CTYPE", b"LANG"))
    return b"utf" in next(filter(None, names), b"").lower()


def _leave(status: int) -> "NoReturn":
    """Exit at once: Python would first free every object, 40 ms after an estimate."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(status)


if __name__ == "__main__":
    main()
