"""`make bench`: what the documents quote of accuracy and speed, measured on this machine.

python -m tests.bench [accuracy] [accuracy-6.12] [quick] [speed] [fleet] [--folder DIR] [--mib N]
"""

import argparse
from pathlib import Path

from tests.bench.accuracy import accuracy, accuracy_6_12
from tests.bench.fleet import fleet
from tests.bench.quick import quick
from tests.bench.speed import speed
from tests.bench.table import machine

_TABLES = {
    "accuracy": accuracy,
    "accuracy-6.12": accuracy_6_12,
    "quick": quick,
    "speed": speed,
    "fleet": fleet,
}


def main() -> None:
    """Measure what was named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("table", nargs="*", choices=[[], *_TABLES], default=[])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/ghostswap-bench"))
    parser.add_argument("--mib", type=int, default=300, help="data of each program (default: 300)")
    options = parser.parse_args()
    print(machine())
    for name in options.table or _TABLES:
        print(f"\n{name}\n")
        _TABLES[name](options.folder, options.mib)


main()
