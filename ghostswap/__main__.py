"""`python -m ghostswap`, and the console script: one command run, its exit status."""

import gc
import sys

_COLLECT_AFTER = 100_000  # objects; starting makes tens of thousands, and no garbage


def main() -> None:
    """Run the command line and exit with its status."""
    gc.set_threshold(_COLLECT_AFTER)  # some 5 % of the time of `inspect FILE`
    from ghostswap.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
