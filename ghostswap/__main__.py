"""`python -m ghostswap`, and the console script: one command run, its exit status."""

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    from ghostswap.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
