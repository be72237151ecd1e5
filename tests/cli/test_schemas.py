"""Each JSON document says which schema it follows, and does: what is published in docs/schemas."""

import gzip
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ghostswap.census.idle_share import IdleCensus, IdleShare
from ghostswap.census.table import Census
from ghostswap.idle.sample import Age
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.report.estimate import Estimate, document
from ghostswap.systems.comparison import compare
from scripts.schema_examples import examples, write_dump
from tests import schemas
from tests.fleets import SALT, save_host
from tests.fuzz.inputs import a_census
from tests.hosts import CAPTURES

PAGE = 4096
RULES = rules_for(KernelVersion(6, 12), {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands below read."""
    made = tmp_path_factory.mktemp("schemas")
    write_dump(made / "pages.raw")
    (made / "zeros.raw").write_bytes(bytes(3 * PAGE))
    (made / "empty.raw").write_bytes(b"")
    (made / "cut.raw.gz").write_bytes(gzip.compress(os.urandom(9 * PAGE))[:-5000])
    (made / "noise.raw").write_bytes(os.urandom(300 * PAGE))
    (made / "host" / "proc").mkdir(parents=True)
    whole = a_census()
    save_host(made / "a.parquet", whole, "a")
    save_host(made / "b.parquet", whole, "b <é>", salt=SALT, one_in=2, private=True)
    return made


def run(folder: Path, words: str, *more: str | Path) -> tuple[int, Any]:
    """Exit status and document of a command that is run in `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", "ghostswap", *words.split(), *map(str, more), "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{Path.cwd()}:{os.environ['PYTHONPATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("name", schemas.names())
def test_a_schema_is_one_and_its_example_follows_it(name: str) -> None:
    schema = schemas.schema(name)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"] == {"const": name}
    schemas.check(json.loads(schemas.example_file(name).read_text()), name)


def keys(value: Any) -> Any:
    """The keys of a document, without its values; of a list's elements those that are unlike."""
    if isinstance(value, dict):
        return {key: keys(each) for key, each in value.items()}
    if not isinstance(value, list):
        return None
    elements = [keys(each) for each in value]
    return [each for i, each in enumerate(elements) if each not in elements[:i]]


def test_the_examples_are_what_the_commands_print(tmp_path: Path) -> None:
    """Their keys: libraries and machines differ in sizes and times. `make schemas` writes them."""
    printed = examples(tmp_path)
    assert printed.keys() == set(schemas.names())
    for name, example in printed.items():
        schemas.check(example, name)
        assert keys(example) == keys(json.loads(schemas.example_file(name).read_text())), name


def test_the_page_lists_every_schema() -> None:
    page = (schemas.FOLDER / "README.md").read_text()
    assert re.findall(r"^\| \[`(ghostswap\.[^`]+)`\]", page, re.MULTILINE) == schemas.names()


def test_no_module_names_a_schema_that_is_not_published() -> None:
    code = "\n".join(path.read_text() for path in Path("ghostswap").rglob("*.py"))
    known = set(re.findall(r'"(ghostswap\.[a-z-]+/[0-9])"', code))
    other = {name for name in known if re.match(r"ghostswap\.(census|salt)/", name)}  # no JSON
    assert known - other == set(schemas.names())


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("pages.raw --quick --error 5%", 0),
        ("pages.raw zeros.raw --algorithm lz4 --algorithm zstd --top 2 --group-by mapping", 0),
        ("pages.raw --kernel 6.12 --zpool zbud --recompress zstd:huge", 0),
        ("pages.raw --kernel 6.18 --ghost --whole-huge-pages --group-by source", 0),
        ("noise.raw --kernel 6.12", 0),
        ("zeros.raw", 0),
        ("pages.raw cut.raw.gz", 1),
        ("a.parquet", 0),
        ("--pid PID --quick --error 20% --group-by mapping", 0),
    ],
)
def test_estimates(folder: Path, words: str, status: int) -> None:
    returned, document = run(folder, f"estimate-dedup {words.replace('PID', str(os.getpid()))}")
    assert returned == status
    schemas.check(document, "ghostswap.estimate/1")


def printed(estimate: Estimate) -> Any:
    """The document as it is printed."""
    return json.loads(json.dumps(document(estimate), allow_nan=False))


@pytest.mark.parametrize("partial", [False, True])
def test_estimates_of_idle_pages_and_interrupted_ones(partial: bool) -> None:
    census = replace(a_census(), partial=partial)
    schemas.check(printed(Estimate(census, compare(census, RULES))), "ghostswap.estimate/1")
    share = IdleShare(
        30.0, "damon", (9, 9), (4, 3), (2, 1), 18, 0, 1, (Age(30.0, 0.4),), None, partial
    )
    idle = IdleCensus(census, census, share)
    schemas.check(
        printed(Estimate(census, compare(census, RULES, share), idle=idle)), "ghostswap.estimate/1"
    )


def test_an_estimate_that_was_interrupted_before_anything_was_compressed() -> None:
    census: Census = a_census()
    none = tuple(replace(each, sizes=each.sizes * 0, cost=None) for each in census.measured)
    nothing = replace(census, partial=True, measured=none)
    schemas.check(printed(Estimate(nothing, compare(nothing, RULES))), "ghostswap.estimate/1")


@pytest.mark.parametrize(
    "words",
    [
        "--ratio 3 --ram 8G,64G",
        "--ratio 3 --ram 8G --demand capacity --design zram",
        "--ratio 3 --ram 8G --demand 4G --design swapfile --kernel 6.1",
        "pages.raw --ram 8G --zero-pages include --margin 10% --compare",
        "pages.raw --ram 8G --algorithm zstd --explain",
    ],
)
def test_plans(folder: Path, words: str) -> None:
    returned, document = run(folder, f"plan {words} --quiet")
    assert returned == 0
    schemas.check(document, "ghostswap.plan/2")


@pytest.mark.parametrize("words", ["a.parquet", "a.parquet b.parquet", "b.parquet --min-hosts 9"])
def test_fleets(folder: Path, words: str) -> None:
    returned, document = run(folder, f"fleet {words}")
    assert returned == 0
    schemas.check(document, "ghostswap.fleet/1")


def test_plans_for_fleets(folder: Path) -> None:
    returned, document = run(folder, "plan --fleet a.parquet b.parquet --system zram")
    assert returned == 0
    schemas.check(document, "ghostswap.plan-fleet/1")


@pytest.mark.parametrize("host", [*(path.name for path in CAPTURES.iterdir()), "none", "this"])
def test_hosts(folder: Path, host: str) -> None:
    root = {"none": folder / "host", "this": Path("/")}.get(host, CAPTURES / host)
    returned, document = run(folder, "inspect --cgroups --root", root)
    assert returned == 0
    schemas.check(document, "ghostswap.inspect-host/1")


def test_swap_files_of_every_kind(folder: Path) -> None:
    _, ghost = run(folder, "mkghost --size 1G --force --quiet --label ü", "a.ghost")
    _, foreign = run(folder, "mkghost --size 1G --page-size 16K --endianness big", "b.ghost")
    schemas.check([ghost, foreign], "ghostswap.mkghost/1")
    schemas.check(run(folder, "label --label x", "a.ghost")[1], "ghostswap.label/1")
    (folder / "short").write_bytes((folder / "a.ghost").read_bytes() + bytes(PAGE))
    (folder / "old").write_bytes(bytes(PAGE - 10) + b"SWAP-SPACE" + bytes(16 * PAGE))
    suspended = bytearray((folder / "short").read_bytes())
    suspended[PAGE - 10 : PAGE] = b"S1SUSPEND\0"
    (folder / "suspended").write_bytes(suspended)
    paths = "a.ghost b.ghost short old suspended zeros.raw empty.raw no-such-file"
    status, shown = run(folder, f"inspect {paths}")
    assert status == 1
    assert len(shown) == 7
    schemas.check(shown, "ghostswap.inspect-file/1")
    assert run(folder, "inspect no-such-file") == (1, [])
