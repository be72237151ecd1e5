"""`python -m tests.fuzz [TARGET…] --runs N --seed S`: fuzz for long; failing inputs are saved."""

import argparse
import hashlib
import sys
from pathlib import Path

from tests.fuzz.loop import fuzz
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Fuzz each target in turn; 1 when any input failed."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(names))
    parser.add_argument("--runs", type=int, default=100_000, help="inputs a target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), metavar="DIR")
    options = parser.parse_args()
    unknown = set(options.targets) - set(names)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    failed = False
    for target in TARGETS:
        if options.targets and target.name not in options.targets:
            continue
        outcome = fuzz(target, options.runs, options.seed)
        rate = outcome.executions / max(outcome.seconds, 1e-9)
        print(
            f"{target.name:14} {outcome.executions:>10} executions  {outcome.seconds:>8.1f} s"
            f"  {rate:>8.0f}/s  {'FAILED' if outcome.reason else 'ok'}",
            flush=True,
        )
        if outcome.failing is not None:
            failed = True
            digest = hashlib.blake2b(outcome.failing, digest_size=6).hexdigest()
            options.keep.mkdir(parents=True, exist_ok=True)
            saved = options.keep / f"{target.name}-{digest}"
            saved.write_bytes(outcome.failing)
            print(f"{outcome.reason}\nthe input is in {saved}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
