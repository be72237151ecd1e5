"""How fast, each time beside a peer on the same bytes in the same run."""

import compileall
import mmap
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import ghostswap
from ghostswap.census import codecs
from ghostswap.census.codecs import Codec
from ghostswap.census.compressor import Compressor
from ghostswap.errors import GhostswapError
from ghostswap.host.zram_device import zram_device
from tests.bench.dumps import data_pages, everything, mixed_pages
from tests.bench.table import print_markdown
from tests.families import small_processes
from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, peak_resident

_PAGE = 4096
_RUNS = 7
_SOME_PAGES = 50_000
_PROCESSES = 10_000
_COMMAND = [sys.executable, "-m", "ghostswap"]
_C_LOOP = r"""
#include <fcntl.h>
#include <lz4.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
int main(int argc, char **argv) {
    struct stat facts;
    int fd = open(argv[1], O_RDONLY);
    fstat(fd, &facts);
    const char *pages = mmap(0, facts.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    static char to[8192];
    struct timespec a, b;
    long total = 0;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (long at = 0; at + 4096 <= facts.st_size; at += 4096)
        total += LZ4_compress_fast(pages + at, to, 4096, sizeof to, 1);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.0f %ld\n", (b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec), total);
}
"""
# The least that an exact estimate can take: each page is hashed and compressed once, on every core.
_C_LIMIT = r"""
#include <fcntl.h>
#include <lz4.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
unsigned long long XXH3_64bits(const void *page, size_t size);
enum { READ = 1 << 20 };
int main(int argc, char **argv) {
    struct stat facts;
    stat(argv[1], &facts);
    long parts = sysconf(_SC_NPROCESSORS_ONLN), reads = facts.st_size / READ;
    for (long part = 0; part < parts; part++)
        if (fork() == 0) {
            static char to[8192];
            char *pages = malloc(READ);
            volatile unsigned long long sum = 0;
            int fd = open(argv[1], O_RDONLY);
            for (long at = part * reads / parts; at < (part + 1) * reads / parts; at++) {
                long got = pread(fd, pages, READ, at * READ);
                for (long page = 0; page + 4096 <= got; page += 4096)
                    sum += XXH3_64bits(pages + page, 4096)
                        + LZ4_compress_fast(pages + page, to, 4096, sizeof to, 1);
            }
            _exit(0);
        }
    while (wait(0) > 0)
        ;
    return 0;
}
"""


def speed(folder: Path, mib: int) -> None:
    """Print the ratios that the project promises, with the bound of each."""
    # As setup.sh does, also where Python may not keep what it compiles.
    compileall.compile_dir(Path(ghostswap.__file__).parent, quiet=1)
    data = data_pages(folder, mib)
    large, larger = everything(folder, mib, 4), everything(folder, mib, 12)
    rows = [
        _exact_against_zram(data),
        _exact_against_limit(mixed_pages(folder, data)),
        _core_against_c(data),
        _core_against_lz4(data),
        _lzo_rle_against_lzo(data),
        _quick_against_xxhsum(large),
        _quick_against_xxhsum(larger),
        _saved_against_not(data),
        _saved_against_not(large),
        _inspect_against_import(folder),
        _all_processes(),
        _memory(data),
        _memory(large),
        _memory(larger),
    ]
    print_markdown(["what", "on", "ours", "peer", "ratio", "bound"], rows)


def _seconds(command: Sequence[object]) -> float:
    begin = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return time.perf_counter() - begin


def _in_turns(ours: Callable[[], float], peer: Callable[[], float]) -> tuple[float, float]:
    """Medians of both, measured by turns so that what else the machine does hits both."""
    pairs = [(ours(), peer()) for _ in range(_RUNS)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _row(what: str, dump: Path, ours: float, peer: float, bound: str, unit: str = "s") -> list[str]:
    size = f"{dump.stat().st_size / (1 << 30):.1f} GiB"
    return [what, size, f"{ours:.2f} {unit}", f"{peer:.2f} {unit}", f"{ours / peer:.2f}", bound]


def _exact_against_zram(dump: Path) -> list[str]:
    def ours() -> float:
        return _seconds([*_COMMAND, "estimate-dedup", "--raw", "--json", dump])

    def zram() -> float:
        with zram_device("lz4", dump.stat().st_size) as device:
            return _seconds(["dd", f"if={dump}", f"of={device.path}", "bs=1M", "conv=fsync"])

    what = "exact estimate, lz4; feeding zram by dd"
    try:
        return _row(what, dump, *_in_turns(ours, zram), "≤ 0.60")
    except GhostswapError as error:
        return [what, str(error), "", "", "", ""]


def _exact_against_limit(dump: Path) -> list[str]:
    what = "exact estimate, lz4; xxh3 and LZ4 of every page in C"
    libraries = ["-llz4", "-l:libxxhash.so.0"]
    with tempfile.TemporaryDirectory() as build:
        source, program = Path(build) / "limit.c", Path(build) / "limit"
        source.write_text(_C_LIMIT)
        try:
            command = ["gcc", "-O2", "-o", str(program), str(source), *libraries]
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return [what, "needs gcc, liblz4-dev and libxxhash0", "", "", "", ""]
        ours = partial(_seconds, [*_COMMAND, "estimate-dedup", "--raw", "--json", dump])
        return _row(what, dump, *_in_turns(ours, partial(_seconds, [program, dump])), "≤ 1.20")


def _core_against_c(dump: Path) -> list[str]:
    """Both on one core, on pages that are all distinct: ns a page, inverted to a rate."""
    what = "pages/ms of one core; C loop over LZ4_compress_fast"
    if shutil.which("gcc") is None:
        return [what, "needs gcc and liblz4-dev", "", "", "", ""]
    with tempfile.TemporaryDirectory() as build:
        source, program = Path(build) / "loop.c", Path(build) / "loop"
        source.write_text(_C_LOOP)
        subprocess.run(["gcc", "-O2", "-o", program, source, "-llz4"], check=True)
        pages = dump.stat().st_size // _PAGE

        def loop() -> float:
            output = subprocess.run([program, dump], check=True, capture_output=True).stdout
            return 1e6 / (float(output.split()[0]) / pages)

        ours = partial(_pages_a_ms, dump)
        return _row(what, dump, *_in_turns(ours, loop), "≥ 0.85", unit="pages/ms")


def _pages_a_ms(dump: Path) -> float:
    """How many pages one of our processes compresses."""
    with dump.open("rb") as file:
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE  # as the loop in C has it
        pages = memoryview(mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ))
    return 1e6 / _ns_per_page(codecs.find("lz4"), pages)


def _ns_per_page(codec: Codec, pages: memoryview) -> float:
    """The time of this thread in the compressor, as one of our workers calls it."""
    compressor, numbers = Compressor([codec], _PAGE), np.arange(len(pages) // _PAGE)
    begin = time.thread_time_ns()
    compressor.add(pages, numbers)
    return (time.thread_time_ns() - begin) / len(numbers)


def _core_against_lz4(dump: Path) -> list[str]:
    what = "pages/ms of one core; lz4 -b1 -B4096"
    if shutil.which("lz4") is None:
        return [what, "needs lz4", "", "", "", ""]

    def lz4() -> float:
        command = ["lz4", "-b1", f"-B{_PAGE}", "-i1", str(dump)]
        output = subprocess.run(command, check=True, capture_output=True, text=True)
        speeds = re.findall(r"\), +([\d.]+) MB/s", output.stdout + output.stderr)
        return float(speeds[-1]) * 1e6 / _PAGE / 1e3

    return _row(what, dump, *_in_turns(partial(_pages_a_ms, dump), lz4), "", unit="pages/ms")


def _lzo_rle_against_lzo(dump: Path) -> list[str]:
    """On one core, the time in the compressor alone, as one of our workers calls it."""
    what = "lzo-rle, compiled; lzo by liblzo2"
    try:
        lzo, lzo_rle = codecs.find("lzo"), codecs.find("lzo-rle")
    except GhostswapError as error:
        return [what, str(error), "", "", "", ""]
    with dump.open("rb") as file:
        some = memoryview(bytearray(file.read(_SOME_PAGES * _PAGE)))

    def microseconds(codec: Codec) -> float:
        return _ns_per_page(codec, some) / 1000

    times = _in_turns(partial(microseconds, lzo_rle), partial(microseconds, lzo))
    return _row(what, dump, *times, "≤ 3.00", unit="µs a page")


def _quick_against_xxhsum(dump: Path) -> list[str]:
    what = "--quick; xxhsum -H3"
    if shutil.which("xxhsum") is None:
        return [what, "needs xxhsum", "", "", "", ""]

    def ours() -> float:
        return _seconds([*_COMMAND, "estimate-dedup", "--raw", "--json", "--quick", dump])

    def xxhsum() -> float:
        return _seconds(["xxhsum", "-H3", dump])

    xxhsum()  # brings the dump into the page cache
    return _row(what, dump, *_in_turns(ours, xxhsum), "≤ 1.20")


def _saved_against_not(dump: Path) -> list[str]:
    command = [*_COMMAND, "estimate-dedup", "--raw", "--json", dump]
    with tempfile.TemporaryDirectory(dir=dump.parent) as folder:
        key, saved = Path(folder) / "key", Path(folder) / "census.parquet"
        _seconds([*_COMMAND, "fleet", "--new-salt-file", key])
        keeping = [*command, "--save", saved, "--salt-file", key]
        ours, peer = _in_turns(partial(_seconds, keeping), partial(_seconds, command))
    return _row("exact with --save --salt-file; without", dump, ours, peer, "≤ 1.15")


def _inspect_against_import(folder: Path) -> list[str]:
    ghost = folder / "ghost"
    subprocess.run(
        [*_COMMAND, "mkghost", "--force", "--quiet", "--size", "1G", ghost],
        check=True,
        stdout=subprocess.DEVNULL,
    )

    def ours() -> float:
        return _seconds([*_COMMAND, "inspect", ghost])

    def imported() -> float:
        return _seconds([sys.executable, "-c", "import typer"])

    ours_s, peer_s = _in_turns(ours, imported)
    row = _row("inspect FILE; python -c 'import typer'", ghost, ours_s, peer_s, "≤ 2.00")
    return [row[0], "4 KiB", *row[2:]]


def _all_processes() -> list[str]:
    """`--all` beside ten thousand small processes."""
    command = [*_COMMAND, "estimate-dedup", "--all", "--json", "--quiet"]
    with small_processes(_PROCESSES) as running:
        if not running:
            return ["--all", f"this machine does not allow {_PROCESSES} processes", "", "", "", ""]
        seconds = statistics.median(_seconds(command) for _ in range(_RUNS))
    return ["--all", f"{_PROCESSES} processes", f"{seconds:.1f} s", "", "", "≤ 10 s"]


def _memory(dump: Path) -> list[str]:
    """The largest sum of resident bytes over all processes, a page of libraries counted in each."""
    peak = peak_resident([*_COMMAND, "estimate-dedup", "--raw", "--json", str(dump)])
    allowed = FIXED_BYTES + BYTES_A_PAGE * (dump.stat().st_size // _PAGE)
    row = _row("peak memory; 150 MiB + 40 bytes a page", dump, 1, 1, "≤ 1.00")
    figures = [f"{peak >> 20} MiB", f"{allowed >> 20} MiB", f"{peak / allowed:.2f}"]
    return [*row[:2], *figures, row[5]]
