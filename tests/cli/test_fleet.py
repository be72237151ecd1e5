"""`ghostswap fleet`: what it prints, and what it refuses in one line."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ghostswap.pages.source import SourceKind
from tests.faults.command import one_line, run, start
from tests.fleets import census_of, save_host

HOSTS = 3


@pytest.fixture(scope="module")
def censuses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("censuses")
    draw = np.random.default_rng(1)
    common = draw.integers(1000, 1 << 63, 2000, dtype=np.uint64)
    for number in range(HOSTS):
        own = draw.integers(1000, 1 << 63, 20_000, dtype=np.uint64)
        pages = np.concatenate([own, own[:500], common, np.zeros(100, np.uint64)])
        save_host(folder / f"{number}.parquet", census_of([pages]), f"host{number}")
    return folder


def document_of(*arguments: object) -> Any:
    done = run("fleet", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(*arguments: object) -> str:
    done = run("fleet", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert one_line(done.stderr)
    return done.stderr


def test_the_document_has_what_scripts_rely_on(censuses: Path) -> None:
    document = document_of(censuses)
    assert document["schema"] == "ghostswap.fleet/1"
    assert document["engine"] == "duckdb"
    assert document["hosts"] == HOSTS
    assert document["pages"] == HOSTS * 22_600
    assert document["contents"] == HOSTS * 20_000 + 2000
    assert document["sampled"] is None
    assert document["within_bytes"] == HOSTS * 500 * 4096
    assert document["across_bytes"] == (HOSTS - 1) * 2000 * 4096
    assert document["relative_error"] == 0
    assert [each["system"] for each in document["systems"]] == [
        "zram",
        "zram+dedup",
        "zswap",
        "zswap+dedup",
        "ksm",
    ]
    for each in document["systems"]:
        assert each["p5"] <= each["p50"] <= each["p95"]
        assert 0 < each["shared_ram_bytes"] <= each["sum_ram_bytes"]
    assert document["pairs"][0] == {"a": "host0", "b": "host1", "shared_pages": 2000}
    assert len(document["pairs"]) == HOSTS
    assert document["holders"]["contents"] == 2000


def test_as_text_it_fits_a_terminal_and_shows_no_hash(censuses: Path) -> None:
    done = run("fleet", censuses)
    assert done.returncode == 0
    assert done.stderr == ""
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "3 hosts: 67,800 pages" in done.stdout
    assert "on 2 or more hosts: 2,000 contents" in done.stdout
    two_columns = run("fleet", censuses, "--noheadings", "--output", "SYSTEM,P50", "--pairs", 0)
    assert [line.split()[0] for line in two_columns.stdout.splitlines()][:2] == [
        "zram",
        "zram+dedup",
    ]


def test_bad_files_are_said_and_the_rest_is_counted(censuses: Path, tmp_path: Path) -> None:
    (tmp_path / "good").symlink_to(censuses)
    bad = tmp_path / "\x1b[31mbad.parquet"
    bad.write_bytes((censuses / "0.parquet").read_bytes()[:5000])
    assert "bad.parquet: is no readable census: it is cut off" in refusal(censuses, bad)
    done = run("fleet", "--json", "--skip-bad", censuses, bad)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "left out" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    document, whole = json.loads(done.stdout), document_of(censuses)
    assert len(document.pop("left_out")) == 1
    assert whole.pop("left_out") == []
    assert document == whole


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "name a census"),
        (("--master", "local", "x"), 2, "--engine spark"),
        (("--new-salt-file", "key", "x"), 2, "counts nothing"),
        (("--memory", "1M", "x"), 2, "less than 128 MiB"),
        (("missing.parquet",), 1, "No such file"),
        (("--output", "COLOUR", "x"), 2, "COLOUR"),
        (("--engine", "polars", "x"), 2, "polars"),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...], status: int, says: str, tmp_path: Path
) -> None:
    done = run("fleet", *arguments, cwd=tmp_path)
    assert done.returncode == status
    assert says in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


def test_an_algorithm_that_no_host_has(censuses: Path) -> None:
    assert "all have lz4" in refusal(censuses, "--algorithm", "zstd")


@pytest.mark.parametrize(
    ("missing", "options", "says"),
    [
        ("ibis", (), "fleet: needs DuckDB: {pip} install 'ghostswap[fleet]'"),
        (
            "pyspark",
            ("--engine", "spark"),
            "--engine spark: needs pyspark: {pip} install 'ghostswap[spark]'",
        ),
    ],
)
def test_it_says_what_to_install(
    missing: str, options: tuple[str, ...], says: str, censuses: Path
) -> None:
    probe = f"import sys; sys.modules[{missing!r}] = None; from ghostswap.cli.app import run; "
    command = [sys.executable, "-c", probe + "sys.exit(run(sys.argv[1:]))", "fleet", str(censuses)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    pip = f"{shlex.quote(sys.executable)} -m pip"
    assert done.stderr == f"ghostswap: {says.format(pip=pip)}\n"


def test_a_new_key_is_private(tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert run("fleet", "--new-salt-file", key).returncode == 0
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    assert "exists" in refusal("--new-salt-file", key)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    large = census_of([draw.integers(1000, 1 << 63, 500_000, dtype=np.uint64)])
    path = save_host(tmp_path / "large.parquet", large, "host")
    spill = tmp_path / "spill"
    spill.mkdir()
    environment = os.environ | {"TMPDIR": str(spill)}
    with start("fleet", "--json", path, env=environment) as process:
        until = time.monotonic() + 60
        while not any(spill.iterdir()):  # made before anything is asked
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert stdout == ""
    assert stderr.count("\n") == 1
    assert not any(spill.iterdir())


def test_a_plan_for_all_hosts(censuses: Path) -> None:
    done = run("plan", "--fleet", censuses, "--json", "--system", "zram", "--kernel", "6.12")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "ghostswap.plan-fleet/1"
    assert (document["hosts"], document["algorithm"]) == (HOSTS, "lz4")
    assert [each["percentile"] for each in document["percentiles"]] == [5, 50, 95]
    sizes = [each["size_bytes"] for each in document["percentiles"]]
    assert sizes == sorted(sizes)
    for each in document["by_host"]:
        # Half of RAM, and what fits into it.
        assert each["size_bytes"] == pytest.approx(each["ram_bytes"] / 2 * each["ratio"], rel=0.05)
    default = document["default"]
    assert default["failing_hosts"] == 0
    assert default["most_bytes"] >= sizes[-1]
    text = run("plan", "--fleet", censuses, "--system", "zram", "--kernel", "6.12").stdout
    assert f"Make it {default['share_of_ram']:.0%} of RAM" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_plan_leaves_bad_files_out_where_asked_to(censuses: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.parquet"
    bad.write_bytes((censuses / "0.parquet").read_bytes()[:5000])
    refused = run("plan", "--fleet", censuses, bad)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "bad.parquet: is no readable census: it is cut off" in refused.stderr
    done = run("plan", "--fleet", "--skip-bad", censuses, bad, "--json", "--memory", "128M")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["hosts"] == HOSTS
    assert [str(bad) in why for why in document["left_out"]] == [True]
    assert f"left out: {bad}: is no readable census" in done.stderr


@pytest.mark.parametrize("kind", [SourceKind.RAW, SourceKind.PROCESS, None])
def test_a_plan_leaves_out_the_zero_pages_of_dumps(kind: SourceKind | None, tmp_path: Path) -> None:
    """Those of `kind` None are of a dump and of a process, and only the rows tell which are."""
    draw = np.random.default_rng(1)
    own = [draw.integers(1000, 1 << 63, 20_000, dtype=np.uint64) for _ in range(2)]
    zeros = np.zeros(4000, np.uint64)
    census = census_of([np.concatenate([own[0], zeros]), np.concatenate([own[1], zeros[:1000]])])
    kinds = (SourceKind.RAW, SourceKind.PROCESS) if kind is None else (kind, kind)
    sources = tuple(
        replace(source, facts=replace(source.facts, kind=each))
        for source, each in zip(census.sources, kinds, strict=True)
    )
    save_host(tmp_path / "a.parquet", replace(census, sources=sources), "host")
    of_dumps = {SourceKind.RAW: 5000, SourceKind.PROCESS: 0, None: 4000}[kind]
    ratios = {}
    for option in ("exclude", "include", None):
        asked = [] if option is None else ["--zero-pages", option]
        done = run("plan", "--fleet", tmp_path, "--system", "zram", "--json", *asked)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        left_out = 0 if option == "include" else of_dumps
        assert (document["pages"], document["left_out_zero_pages"]) == (45_000, left_out)
        said = f"{left_out:,} zero pages of 45,000 are left out" in done.stderr
        assert said == bool(left_out)
        ratios[option] = document["by_host"][0]["ratio"]
    assert ratios[None] == ratios["exclude"]
    assert ratios["exclude"] / ratios["include"] == pytest.approx(1 - of_dumps / 45_000)


def test_a_plan_of_mostly_zeros_is_not_made_unless_somebody_decides(tmp_path: Path) -> None:
    own = np.random.default_rng(1).integers(1000, 1 << 63, 20_000, dtype=np.uint64)
    mostly = census_of([np.concatenate([own, np.zeros(30_000, np.uint64)])])
    path = save_host(tmp_path / "a.parquet", mostly, "host")
    done = run("plan", "--fleet", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path}: 30,000 of 50,000 pages are zeros" in done.stderr
    assert run("plan", "--fleet", path, "--zero-pages", "exclude").returncode == 0
    save_host(tmp_path / "b.parquet", census_of([own]), "other")
    left_out = run("plan", "--fleet", tmp_path, "--skip-bad", "--json")
    assert left_out.returncode == 1
    assert [each["host"] for each in json.loads(left_out.stdout)["by_host"]] == ["other"]
    assert "left out" in left_out.stderr


def test_what_counts_a_fleet_goes_with_one() -> None:
    for option in (["--engine", "spark"], ["--memory", "1G"], ["--skip-bad"], ["--master", "x"]):
        done = run("plan", "--ratio", "3", *option)
        assert done.returncode == 2
        assert f"{option[0]}: goes with --fleet" in done.stderr


def test_a_default_for_zram_generator(censuses: Path) -> None:
    done = run("plan", "--fleet", censuses, "--emit", "zram-generator")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^zram-size = min\(ram \* \d\.\d\d, \d+\)$", done.stdout, re.MULTILINE)
    assert "zram-resident-limit = ram * 0.50\n" in done.stdout
    assert "too small for 0 of the 3 hosts" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--ram", "8G", "x"), "--ram"),
        (("--all",), "--all"),
        ((), "--fleet"),
        (("--emit", "sh", "x"), "zram-generator"),
        (("--emit", "zram-generator", "--system", "zswap", "CENSUSES"), "--system zram"),
        (("--max-pool-percent", "101", "CENSUSES"), "1 to 100"),
        (("--master", "local", "CENSUSES"), "--engine spark"),
    ],
)
def test_what_a_plan_for_a_fleet_refuses(
    arguments: tuple[str, ...], says: str, censuses: Path
) -> None:
    named = [str(censuses) if each == "CENSUSES" else each for each in arguments]
    done = run("plan", "--fleet", *named)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize("ending", ["svg", "png", "html"])
def test_a_picture_of_the_fleet(ending: str, censuses: Path, tmp_path: Path) -> None:
    picture = tmp_path / f"fleet.{ending}"
    document = document_of(censuses, "--plot", picture, "--pairs", 1)
    assert len(document["pairs"]) == 1  # though the picture has all
    begin = {"svg": b"<?xml", "png": b"\x89PNG", "html": b"<!DOCTYPE"}
    assert picture.read_bytes().startswith(begin[ending])
