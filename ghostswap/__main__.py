"""`python -m ghostswap`, and the console script: one command run, its exit status."""

import gc
import os
import sys

_COLLECT_AFTER = 100_000  # objects; starting makes tens of thousands, and no garbage


def main() -> None:
    """Run the command line and exit with its status."""
    gc.set_threshold(_COLLECT_AFTER)  # some 5 % of the time of `inspect FILE`
    _fill_standard_descriptors()
    try:
        from ghostswap.cli.app import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while still starting
        status = 130
    sys.exit(status)


def _fill_standard_descriptors() -> None:
    """Where one of the three was closed, have /dev/null there: else the next file opened would be
    taken for it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_WRONLY)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the end


if __name__ == "__main__":
    main()
