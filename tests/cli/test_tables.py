"""Tables as a user meets them: they fit a terminal of 80 columns, and scripts get all of them."""

import io
import itertools
import json
import os
import random
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from ghostswap.cli.app import run
from ghostswap.cli.render import Column, narrow, table_lines, without_middle
from ghostswap.report.fields import size
from tests.estimates import estimate, run_estimate
from tests.terminal import UTF8, on_terminal

PAGE = os.sysconf("SC_PAGE_SIZE")
HOSTS = sorted((Path(__file__).parents[1] / "fixtures" / "hosts").iterdir())


def half(seed: int) -> bytes:
    """A page that compresses to a half."""
    return random.Random(seed).randbytes(PAGE // 2) + bytes(PAGE // 2)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = random.Random(5)
    pages = [half(draw.randrange(150)) for _ in range(400)] + [bytes(PAGE)] * 40
    folder = tmp_path_factory.mktemp(
        "a folder whose name is far too long for any column of a table"
    )
    path = folder / "pages of a virtual machine that somebody took one night in November.raw"
    path.write_bytes(b"".join(pages + [draw.randbytes(PAGE) for _ in range(30)]))
    return path


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--quick", "--error", "5%"),
        ("--recompress", "zstd"),
        ("--algorithm", "lz4", "--algorithm", "zstd:12"),
        ("--group-by", "source", "--top", "2"),
    ],
)
def test_an_estimate_fits_80_columns(options: tuple[str, ...], dump: Path) -> None:
    lines = on_terminal("estimate-dedup", "--quiet", *options, dump)
    assert max(map(len, lines[1:])) <= 80  # the first is the name as it was given
    assert any(line.startswith("zram+dedup ") for line in lines)


@pytest.mark.parametrize(
    "options", [("--compare",), ("--compare", "--demand", "5T"), ("--explain", "--ram", "16G,2T")]
)
def test_a_plan_fits_80_columns(options: tuple[str, ...]) -> None:
    ram = () if "--ram" in options else ("--ram", "512G")
    lines = on_terminal("plan", "--quiet", "--ratio", "2.7", *ram, *options)
    tables = [line for line in lines if "  " in line.strip() and "=" not in line]
    assert len(tables) > 2
    assert max(map(len, tables)) <= 80


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_a_host_fits_80_columns_with_one_sign_for_what_is_unknown(host: Path) -> None:
    lines = on_terminal("inspect", "--cgroups", "--root", host)
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "–" in line or "—" in line]


def test_a_script_gets_every_name_in_whole(dump: Path) -> None:
    done = run_estimate("--group-by", "source", dump)
    assert f"\n{dump}  " in done.stdout
    lines = on_terminal("estimate-dedup", "--quiet", "--group-by", "source", dump)
    assert not [line for line in lines[1:] if str(dump) in line]
    assert [line for line in lines[1:] if line.startswith(str(dump)[:8]) and "…" in line]
    exact = on_terminal("estimate-dedup", "--quiet", "-b", "--group-by", "source", dump)
    assert [line for line in exact[1:] if line.startswith(f"{dump}  ")]


@pytest.mark.parametrize("locale", [{}, {"LANG": "C"}, {"LC_ALL": "POSIX", "LANG": "C.UTF-8"}])
def test_a_terminal_without_utf8_gets_ascii(locale: dict[str, str], dump: Path) -> None:
    table = ("--output", "system,compress", "--group-by", "source")
    shown = "\n".join(on_terminal("estimate-dedup", "--quiet", *table, dump, locale=locale))
    assert shown.isascii()
    assert " us\n" in shown
    assert on_terminal("plan", "--help", locale=locale)[-1].isascii()


def test_a_terminal_with_utf8_gets_more(dump: Path) -> None:
    for locale in (UTF8, {"LC_CTYPE": "C.UTF-8"}):
        words = ("estimate-dedup", "-q", "-o", "compress", dump)
        shown = "\n".join(on_terminal(*words, locale=locale))
        assert " µs\n" in shown
        assert "█" in shown


def test_json_is_whole_in_ascii_too(dump: Path) -> None:
    name = dump.with_name("größe\N{CYCLONE}.raw")
    name.write_bytes(dump.read_bytes()[: 9 * PAGE])
    for environment in ({"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "utf-8"}):
        command = [sys.executable, "-m", "ghostswap", "estimate-dedup", "--json", str(name)]
        done = subprocess.run(
            command, capture_output=True, env=os.environ | environment, check=True, encoding="utf-8"
        )
        (source,) = json.loads(done.stdout)["sources"]
        assert source["name"] == str(name)
    shown = "\n".join(on_terminal("estimate-dedup", "--json", "--quiet", name, locale={}))
    assert json.loads(shown)["sources"] == [source]


def table(*arguments: object) -> list[dict[str, str]]:
    """The rows of the main table, in exact figures."""
    lines = iter(run_estimate("--bytes", *arguments).stdout.splitlines())
    titles = next(line for line in lines if line.startswith("SYSTEM")).split()
    rows = (line.split() for line in lines)
    ended = itertools.takewhile(lambda row: len(row) == len(titles), rows)
    return [dict(zip(titles, row, strict=True)) for row in ended]


def test_what_dedup_adds_is_a_column(dump: Path) -> None:
    rows = table("--algorithm", "lz4", "--algorithm", "zstd", dump)
    saved = {(row["SYSTEM"], row["ALGORITHM"]): int(row["SAVED"]) for row in rows}
    for row in rows:
        plain, plus, _ = row["SYSTEM"].partition("+dedup")
        if plus:
            algorithm = row["ALGORITHM"]
            assert int(row["DEDUP"]) == int(row["SAVED"]) - saved[plain, algorithm] > 0
        else:
            assert row["DEDUP"] == "-"
    assert len(rows) == 9


def test_the_table_of_a_sample_shows_its_error(dump: Path) -> None:
    options = ("--quick", "--error", "10%", dump)
    errors = {each["system"]: each["relative_error"] for each in estimate(*options)["systems"]}
    rows = table(*options)
    assert {row["SYSTEM"]: row["ERROR"] for row in rows} == {
        name: f"{error:.2%}" for name, error in errors.items()
    }
    assert "ERROR" not in table(dump)[0]


def test_the_last_line_sums_up_what_makes_the_ratio(dump: Path) -> None:
    done = run_estimate("--group-by", "source", dump)
    (ratio,) = (
        each["ratio"] for each in estimate(dump)["systems"] if each["system"] == "zram+dedup"
    )
    name, _, figures = done.stdout.splitlines()[-1].partition(": ")
    dedup, compress, same, product = (float(part.split("= ")[1]) for part in figures.split(", "))
    assert (name, product) == ("lz4", round(ratio, 2))
    assert dedup * compress * same == pytest.approx(product, rel=0.02)
    assert 2 < dedup < 3
    assert 1 < same < 1.1


def test_pages_of_nothing_have_no_such_line(tmp_path: Path) -> None:
    zeros = tmp_path / "zeros"
    zeros.write_bytes(bytes(9 * PAGE))
    done = run_estimate("--quiet", zeros)
    assert done.returncode == 0
    assert "all three" not in done.stdout


def test_sizes_of_gibibytes_that_differ_look_different() -> None:
    one, other = 62_310_000_000, 62_390_000_000
    assert size(one, exact=False) != size(other, exact=False)
    assert size(1 << 40, exact=False) == "1 TiB"
    assert len(size(1023 << 30, exact=False)) <= 9


def test_texts_give_way_and_numbers_do_not() -> None:
    columns = (Column("NAME"), Column("SIZE", right=True), Column("KIND"))
    widths = [60, 30, 40]
    narrow(widths, columns, 80)
    assert widths == [23, 30, 23]
    narrow(widths, columns, 20)
    assert widths == [12, 30, 12]
    assert without_middle("abcdefghij", 10) == "abcdefghij"
    assert without_middle("abcdefghijk", 10) == "abcd…ghijk"
    assert table_lines(columns[:1], [["x" * 200]])[1] == "x" * 200  # no terminal


def test_output_may_be_kept_in_memory(tmp_path: Path) -> None:
    """As a Python program does that runs a command within itself: io.StringIO has no encoding."""
    (tmp_path / "dump").write_bytes(bytes(range(256)) * 16)
    output = io.StringIO()
    with redirect_stdout(output):
        assert run(["estimate-dedup", "--json", str(tmp_path / "dump")]) == 0
    assert json.loads(output.getvalue())["pages"]["total"] == 1
