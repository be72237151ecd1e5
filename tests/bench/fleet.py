"""What a fleet costs, beside DuckDB's own time for the bare group-by of the same files."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.bench.table import print_markdown
from tests.faults.measured import peak_resident
from tests.fleets import census_of, save_host

HOSTS, PAGES = 64, 600_000
_RUNS = 3
_MEMORY = 1 << 30
_BARE = """
import duckdb, sys
connection = duckdb.connect(config={"memory_limit": sys.argv[2] + "B", "threads": 2})
connection.execute("SET enable_progress_bar = false")
print(connection.execute(
    "SELECT count(*), sum(pages) FROM (SELECT hash, sum(copies) AS pages "
    f"FROM '{sys.argv[1]}/*.parquet' WHERE copies > 0 GROUP BY hash)"
).fetchall())
"""


def fleet(folder: Path, mib: int) -> None:
    """Print the time of `ghostswap fleet` over that of the bare group-by; `mib` is not used."""
    files = censuses(folder / "fleet")
    ours = [sys.executable, "-m", "ghostswap", "fleet", "--json", "--memory", "1G", str(files)]
    bare = [sys.executable, "-c", _BARE, str(files), str(_MEMORY)]
    of_ours = statistics.median(_seconds(ours) for _ in range(_RUNS))
    of_bare = statistics.median(_seconds(bare) for _ in range(_RUNS))
    size = sum(path.stat().st_size for path in files.glob("*.parquet"))
    name = f"fleet: {HOSTS} hosts, {HOSTS * PAGES:,} pages"
    print_markdown(
        ("what", "measured", "bound"),
        [
            (f"{name}, over the bare group-by", f"{of_ours / of_bare:.2f} x", "2 x"),
            ("its time", f"{of_ours:.1f} s", ""),
            ("its memory", f"{peak_resident(ours) >> 20} MiB", f"{_MEMORY >> 20} MiB"),
            ("its files", f"{size / (HOSTS * PAGES):.1f} bytes per page", ""),
        ],
    )


def censuses(folder: Path, hosts: int = HOSTS, pages: int = PAGES) -> Path:
    """A folder of that many censuses, made once: a fifth of each host's pages is on many hosts, a
    tenth of them several times on the same one, and some are zero."""
    folder.mkdir(parents=True, exist_ok=True)
    common = np.random.default_rng(0).integers(1000, 1 << 63, pages // 2, dtype=np.uint64)
    for number in range(hosts):
        path = folder / f"{number}.parquet"
        if path.exists():
            continue
        draw = np.random.default_rng(number + 1)
        own = draw.integers(1000, 1 << 63, pages * 6 // 10, dtype=np.uint64)
        parts = [own, draw.choice(common, pages // 5), draw.choice(own, pages // 10)]
        parts.append(np.zeros(pages - sum(map(len, parts)), np.uint64))
        save_host(path, census_of([np.concatenate(parts)]), f"host{number}")
    return folder


def _seconds(command: list[str]) -> float:
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin
