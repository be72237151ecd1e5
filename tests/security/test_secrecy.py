"""Page contents stay where they are: in no output, no message and no saved census."""

import json
import os
from pathlib import Path

import pytest

from tests.faults.command import run

SECRET = b"correct horse battery staple! "


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Pages that all hold the secret; some twice."""
    path = tmp_path / "dump"
    page = (SECRET * 137)[:4096]
    path.write_bytes(page * 3 + b"".join(os.urandom(2048) + page[:2048] for _ in range(50)))
    return path


def reveals(output: bytes) -> bool:
    """Whether the secret is in it, as it is or in hexadecimal digits."""
    return any(form in output for form in (SECRET[:8], SECRET[:8].hex().encode()))


@pytest.mark.parametrize(
    "options",
    [(), ("--json",), ("--json", "--group-by", "mapping"), ("--quick", "--algorithm", "zstd")],
    ids=" ".join,
)
def test_no_figure_holds_contents(dump: Path, options: tuple[str, ...]) -> None:
    done = run("estimate-dedup", *options, dump)
    assert done.returncode == 0
    assert not reveals((done.stdout + done.stderr).encode())


def test_a_saved_census_holds_no_contents_and_no_plain_hash(dump: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import xxhash

    one, two = tmp_path / "one", tmp_path / "two"
    for saved in (one, two):
        assert run("estimate-dedup", dump, "--save", saved).returncode == 0
        assert not reveals(saved.read_bytes())
        assert saved.stat().st_mode & 0o777 == 0o600
    hashes = [set(parquet.read_table(saved).column("hash").to_pylist()) for saved in (one, two)]
    known = xxhash.xxh3_64_intdigest(dump.read_bytes()[:4096])
    assert known not in hashes[0] | hashes[1]
    assert not hashes[0] & hashes[1]  # nothing links two censuses, unless a salt is given


def test_a_failure_shows_no_contents(dump: Path, tmp_path: Path) -> None:
    with dump.open("ab") as file:
        file.write(SECRET)  # no whole page
    for command in (("estimate-dedup",), ("plan",), ("inspect",), ("label",)):
        done = run(*command, dump)
        assert done.returncode == 1
        assert not reveals(done.stdout.encode() + done.stderr.encode())


def test_only_top_shows_how_contents_begin(dump: Path) -> None:
    done = run("estimate-dedup", "--json", "--top", 1, dump)
    (most,) = json.loads(done.stdout)["dedup"]["top"]
    assert bytes.fromhex(most["preview_hex"]).startswith(SECRET[:8])


def test_the_histogram_of_copies_shows_nothing_of_what_is_in_them(dump: Path) -> None:
    without, shown = (run("estimate-dedup", *more, dump) for more in ((), ("--histogram",)))
    title = "Data pages by number of copies"
    assert title in shown.stdout
    assert title not in without.stdout
    assert not reveals(shown.stdout.encode())
    assert reveals(run("estimate-dedup", "--top", "1", dump).stdout.encode())
