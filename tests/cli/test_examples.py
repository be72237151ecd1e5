"""The scripts in examples/ do what their first line says, run as a user would paste them."""

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import zram_generator

EXAMPLES = Path(__file__).parents[2] / "examples"
PAGE = os.sysconf("SC_PAGE_SIZE")

needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH in which `ghostswap` is this one."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "ghostswap"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ghostswap "$@"\n')
    command.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = random.Random(2)
    path = tmp_path_factory.mktemp("dump") / "some pages.raw"
    path.write_bytes(b"".join((made.randbytes(500) * 200)[:PAGE] for _ in range(100)))
    return path


@pytest.fixture(scope="module")
def report(path: str, dump: Path) -> Path:
    saved = dump.with_name("the report.json")
    command = ["ghostswap", "estimate-dedup", "--json", "--jobs", "1", str(dump)]
    saved.write_text(output(path, *command))
    return saved


def output(path: str, *command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def recommended(path: str, report: Path, *options: str) -> dict[str, int]:
    text = output(path, "ghostswap", "plan", report, "--json", "--quiet", *options)
    return dict(json.loads(text)["plans"][0]["recommended"])


@needs_jq
def test_the_nightly_estimate_is_kept_and_said_in_a_line(
    path: str, dump: Path, tmp_path: Path
) -> None:
    line = output(path, EXAMPLES / "nightly-estimate.sh", tmp_path, dump)
    day, pages, ratio, size = line.rstrip("\n").split("\t")
    kept = tmp_path / f"{day}.json"
    assert list(tmp_path.iterdir()) == [kept]
    assert int(pages) == json.loads(kept.read_text())["pages"]["total"] == 100
    assert float(ratio) > 1
    assert int(size) == recommended(path, kept)["bytes"]


@needs_jq
def test_a_failed_night_leaves_nothing_behind(path: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [EXAMPLES / "nightly-estimate.sh", tmp_path, tmp_path / "none"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


@needs_jq
def test_algorithms_are_compared_by_what_they_hold(path: str, dump: Path) -> None:
    script = EXAMPLES / "compare-algorithms.sh"
    rows = [line.split("\t") for line in output(path, script, dump).splitlines()]
    assert [row[0] for row in rows] == ["lz4", "lz4hc", "zstd"]
    assert all(int(number) > 0 for row in rows for number in row[1:])
    lines = output(path, script, dump, ALGORITHMS="zstd:1").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["zstd:1"]


def test_zram_gets_the_size_that_half_the_ram_holds(path: str, report: Path) -> None:
    size = output(path, EXAMPLES / "zram-size.sh", report)
    options = ("--system", "zram", "--demand", "capacity")
    assert int(size) == recommended(path, report, *options)["mib"]


def test_a_first_boot_has_no_estimate_and_gets_a_size_all_the_same(
    path: str, tmp_path: Path
) -> None:
    size = int(output(path, EXAMPLES / "zram-size.sh", tmp_path / "none"))
    ram = os.sysconf("SC_PHYS_PAGES") * PAGE >> 20
    assert ram * 0.9 < size < ram * 1.3  # half of it, twice


def test_xswap_is_limited_to_what_zswap_holds(path: str, report: Path, tmp_path: Path) -> None:
    limit = tmp_path / "type0/limit"
    limit.parent.mkdir()
    output(path, EXAMPLES / "xswap-limit.sh", "0", report, XSWAP=str(tmp_path))
    assert limit.read_text() == f"{recommended(path, report, '--demand', 'capacity')['pages']}\n"


@pytest.fixture
def generator(tmp_path: Path) -> Path:
    """A root directory for a zram-generator that knows set!."""
    if not zram_generator.PROGRAM.exists():
        pytest.skip(zram_generator.MISSING)
    configuration = "set!x = echo 1\n[zram0]\nzram-size = x\n"
    if not zram_generator.generate(tmp_path, configuration, 8192).swap.exists():
        pytest.skip("this zram-generator is older than 1.2, which has set!")
    return tmp_path


def test_zram_generator_takes_the_configuration(generator: Path, path: str) -> None:
    asked = generator / "asked"
    script = generator / "zram-size.sh"
    script.write_text(f'#!/bin/sh\n"{EXAMPLES}/zram-size.sh" | tee "{asked}"\n')
    script.chmod(0o755)
    text = (EXAMPLES / "zram-generator.conf").read_text()
    text = text.replace("/usr/local/lib/ghostswap/zram-size.sh", str(script))
    generated = zram_generator.generate(generator, text, 8192, path)
    assert generated.status == 0, generated.log
    assert generated.size_mib == int(asked.read_text()) > 0


def test_every_script_is_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    for example in EXAMPLES.iterdir():
        assert example.name == "README.md" or f"`{example.name}`" in listed


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    done = subprocess.run(
        ["shellcheck", *EXAMPLES.glob("*.sh")], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def test_the_daily_census_is_a_sample_that_fleet_counts(
    path: str, dump: Path, tmp_path: Path
) -> None:
    unit = (EXAMPLES / "ghostswap-census.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    key = tmp_path / "fleet.key"
    env = {"PATH": path, "CREDENTIALS_DIRECTORY": str(tmp_path), "STATE_DIRECTORY": str(tmp_path)}
    subprocess.run(["ghostswap", "fleet", "--new-salt-file", key], env=env, check=True)
    # All of it, but of a dump and not of this machine; of so few pages, more than one in 64.
    command = line.replace("--all", shlex.quote(str(dump))).replace("%H", "host0")
    command = command.replace("--one-in 64", "--one-in 4")
    subprocess.run(["sh", "-euc", command], env=env, check=True, stdout=subprocess.DEVNULL)
    census = tmp_path / "census.parquet"
    done = subprocess.run(
        ["ghostswap", "fleet", "--json", census], env=env, check=True, capture_output=True
    )
    counted = json.loads(done.stdout)
    assert counted["sampled"] == {"one_in": 4}
    assert [each["host"] for each in counted["by_host"]] == ["host0"]
    assert counted["pages"] == dump.stat().st_size // PAGE


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units_of_the_daily_census() -> None:
    units = [EXAMPLES / "ghostswap-census.service", EXAMPLES / "ghostswap-census.timer"]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    # Of units that this machine lacks it may complain as well.
    assert "ghostswap-census" not in done.stderr
    assert done.returncode == 0
