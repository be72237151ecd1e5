"""zram-generator's own program derives the size from the lines of a plan that the plan says."""

import json
from pathlib import Path

import numpy as np
import pytest

from ghostswap.plan.fleet import Default
from ghostswap.report.plan_fleet import rule
from tests import zram_generator
from tests.faults.command import run
from tests.fleets import census_of, save_host
from tests.zram_generator import generate

pytestmark = pytest.mark.skipif(not zram_generator.PROGRAM.exists(), reason=zram_generator.MISSING)


def lines_of(*arguments: object) -> str:
    done = run("plan", *arguments, "--emit", "zram-generator")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("ram_mib", "ratio"), [(500, "11"), (8192, "2.71"), (96_001, "1.3")])
def test_a_plans_size_is_what_it_derives(tmp_path: Path, ram_mib: int, ratio: str) -> None:
    words = ("--ratio", ratio, "--ram", f"{ram_mib}M", "--system", "zram")
    (size,) = run("plan", *words, "--print", "mib").stdout.split()
    generated = generate(tmp_path, lines_of(*words), ram_mib)
    assert generated.status == 0, generated.log
    assert generated.size_mib == int(size)
    assert "Priority=100" in generated.swap.read_text()


@pytest.mark.parametrize("hundredths", [7, 29, 85, 113, 250])
def test_a_fleets_rule_is_what_it_derives_for_every_machine(
    tmp_path: Path, hundredths: int
) -> None:
    """0.29 and 1.13 are not exact in binary: it may come to a MiB less where that matters."""
    default = Default(hundredths, 24 << 30, ())
    configuration = f"[zram0]\nzram-size = {rule(default)}\n"
    for ram_mib in (512, 1000, 7960, 8192, 15_873, 64_000, 1 << 20):
        derived = generate(tmp_path, configuration, ram_mib).size_mib
        ours = default.bytes(ram_mib << 20) >> 20
        assert derived in (ours, ours - (ram_mib * hundredths % 100 == 0)), ram_mib


def test_a_fleets_default_gives_each_host_what_it_needs(tmp_path: Path) -> None:
    censuses = tmp_path / "censuses"
    censuses.mkdir()
    draw = np.random.default_rng(1)
    for number in range(3):
        pages = draw.integers(1000, 1 << 63, 20_000, dtype=np.uint64)
        save_host(censuses / f"{number}.parquet", census_of([pages]), f"host{number}")
    words = ("--fleet", censuses, "--system", "zram")
    fleet = json.loads(run("plan", *words, "--json").stdout)
    assert fleet["default"]["failing_hosts"] == 0
    emitted = lines_of(*words)
    for host in fleet["by_host"]:
        generated = generate(tmp_path, emitted, host["ram_bytes"] >> 20)
        assert generated.size_mib >= host["size_bytes"] >> 20
