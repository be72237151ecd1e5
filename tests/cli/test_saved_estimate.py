"""An estimate that somebody else wrote: whatever is in it, `plan` says one line or a true plan."""

import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ghostswap.report.saved import LARGEST_BYTES, check

PAGE = 4096
MACHINE = ("--ram", "8G", "--max-pool-percent", "20")


def ghostswap(
    *arguments: str | Path, stdin: bytes | None = None, memory: int = resource.RLIM_INFINITY
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "ghostswap", *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (memory, memory)),
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of what could not be done."""
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    assert "internal error" not in line
    return line


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = random.Random(7)
    pages = [bytes(PAGE)] * 64 + [b"abcdefgh" * (PAGE // 8)] * 32
    pages += [(made.randbytes(700) * 6)[:PAGE] for _ in range(200)] * 2
    pages += [made.randbytes(PAGE) for _ in range(80)]
    path = tmp_path_factory.mktemp("saved") / "pages.raw"
    path.write_bytes(b"".join(pages))
    return path


@pytest.fixture(scope="module")
def estimate(dump: Path) -> dict[str, Any]:
    done = ghostswap("estimate-dedup", "--json", "--jobs", "1", "--kernel", "6.18", dump)
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "options",
    [
        ("--kernel", "6.1"),
        ("--kernel", "6.1", "--zpool", "zsmalloc"),
        ("--kernel", "6.12", "--algorithm", "zstd:1"),
        ("--kernel", "6.18", "--no-writeback"),
        ("--quick", "--error", "5%"),
        ("--page-size", "16384"),
        ("--page-size", "65536", "--algorithm", "deflate"),
    ],
    ids=" ".join,
)
def test_our_own_estimates_do_not_contradict_themselves(
    dump: Path, options: tuple[str, ...]
) -> None:
    done = ghostswap("estimate-dedup", "--json", "--jobs", "1", *options, dump)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "ours")


def alone(pages: int) -> dict[str, int]:
    """The counts of as many pages that are all unlike."""
    return dict.fromkeys(("total", "data", "distinct"), pages) | dict.fromkeys(
        ("zero", "same_filled", "duplicate"), 0
    )


def set_pages(document: dict[str, Any]) -> None:
    document["pages"] = alone(10**18)


def in_system(key: str, value: int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for row in document["systems"]:
            row[key] = value

    return change


def in_pages(key: str, value: int) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["pages"].update({key: value})


@pytest.mark.parametrize(
    "change",
    [
        set_pages,
        in_pages("total", 1),
        in_pages("zero", -1),
        lambda document: document["coverage"].update({"dump_zero_pages": 65}),
        in_pages("duplicate", 3),
        in_system("pool_bytes", 1),
        in_system("pool_bytes", 10**15),
        in_system("pages_stored", 10**18),
        in_system("refused_pages", 555),
        in_system("refused_pages", -5),
        in_system("huge_pages", 10**9),
        in_system("same_pages", 10**9),
        in_system("metadata_bytes", 10**14),
        in_system("ram_bytes", 0),
        in_system("saved_bytes", 0),
        in_system("compressed_bytes", 10**9),
        in_system("pages_sharing", 10**9),
    ],
)
def test_figures_that_contradict_each_other_are_not_planned_with(
    tmp_path: Path, estimate: dict[str, Any], change: Callable[[dict[str, Any]], None]
) -> None:
    document = json.loads(json.dumps(estimate))
    path = tmp_path / "estimate.json"
    path.write_text(json.dumps(document))
    assert ghostswap("plan", path, *MACHINE, "--quiet").returncode == 0
    change(document)
    path.write_text(json.dumps(document))
    assert "a damaged estimate" in refused(ghostswap("plan", path, *MACHINE, "--quiet"))


def test_a_pool_of_one_byte_for_50_mib_is_damaged_though_its_sums_are_right(
    tmp_path: Path, estimate: dict[str, Any]
) -> None:
    document = json.loads(json.dumps(estimate))
    document["pages"] = alone(12_800)
    document["coverage"]["dump_zero_pages"] = 0
    for row in document["systems"]:
        row |= {"pages_stored": 12_800, "same_pages": 0, "huge_pages": 0, "refused_pages": 0}
        row |= {"compressed_bytes": 1, "pool_bytes": 1, "metadata_bytes": 0, "ram_bytes": 1}
        row |= {"saved_bytes": 12_800 * PAGE - 1, "pages_shared": 0, "pages_sharing": 0}
    path = tmp_path / "estimate.json"
    path.write_text(json.dumps(document))
    assert "pool_bytes (1)" in refused(ghostswap("plan", path, *MACHINE, "--quiet"))


def test_a_sparse_file_of_20_gb_is_refused_at_once_and_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(20 << 30)
    assert "longer than 16 MiB" in refused(ghostswap("plan", path, *MACHINE, memory=150 << 20))


def test_what_never_ends_on_standard_input_is_refused() -> None:
    endless = "while :; do printf '[%04000d' 0; done 2> /dev/null"
    with subprocess.Popen(["sh", "-c", endless], stdout=subprocess.PIPE) as source:
        done = subprocess.run(
            [sys.executable, "-m", "ghostswap", "plan", "-", *MACHINE],
            stdin=source.stdout,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        source.kill()
    assert "longer than 16 MiB" in refused(done)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 2_000_000,
        b'{"a":' * 2_000_000,
        b"[" + b"[]," * 5_000_000 + b"0]",
        b"[" + b"{}," * 5_000_000 + b"0]",
        b"[" + b"0.5," * 4_000_000 + b"0]",
        b"[" + b'{"a":0},' * 2_000_000 + b"0]",
        b'{"schema": "ghostswap.estimate/1", "pages": ' + b"9" * 1_000_000 + b"}",
        b'{"schema": "ghostswap.estimate/1", "page_size": 4096, "pages": {"total": Infinity}}',
        b'{"schema": "ghostswap.estimate/1", "page_size": 4096, "pages": {"total": NaN}}',
        b'{"schema": "' + b"x" * (LARGEST_BYTES - 100) + "\N{GRINNING FACE}".encode() + b'"}',
        b'{"schema": "ghostswap.estimate/1"' + b" " * LARGEST_BYTES + b"}",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_text_that_is_made_to_take_memory_or_stack_is_one_line(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text)
    refused(ghostswap("plan", path, *MACHINE, memory=320 << 20))
    refused(ghostswap("plan", "-", *MACHINE, stdin=text, memory=320 << 20))


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "link to a device"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.json"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path = Path("/dev/zero")
        case _:
            path.symlink_to("/dev/zero")
    done = ghostswap("plan", path, *MACHINE)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
