"""`estimate-dedup` over small dumps whose every page is known."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cores import Part, elf_core
from tests.estimates import estimate, refusal, run_estimate, system

PAGE = 4096


def page(seed: int) -> bytes:
    """A page like no other: half noise, half zeros."""
    return random.Random(seed).randbytes(PAGE // 2) + bytes(PAGE // 2)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Five zero pages, three of one repeated byte, and A A A A B B C."""
    pages = [bytes(PAGE)] * 5 + [b"\7" * PAGE] * 3
    pages += [page(1)] * 4 + [page(2)] * 2 + [page(3)]
    path = tmp_path / "pages.raw"
    path.write_bytes(b"".join(pages))
    return path


def test_zero_pages_of_a_dump_are_said_with_the_ratio_without_them(tmp_path: Path) -> None:
    """A warning where they are most, and no word of them where there are none."""
    data = b"".join((random.Random(n).randbytes(700) * 6)[:4096] for n in range(64))
    for zero_pages, warned in ((0, False), (64, False), (65, True)):
        dump = tmp_path / f"{zero_pages}.raw"
        dump.write_bytes(data + bytes(zero_pages * 4096))
        done = run_estimate(dump, "--page-size", "4096", "--jobs", "1")
        assert (done.returncode, "the ratios tell little" in done.stderr) == (0, warned)
        assert ("RATIO without them: zram" in done.stdout) == (zero_pages > 0)
    with_zeros = estimate(dump, "--page-size", "4096", "--quiet", "--jobs", "1")
    alone = estimate(tmp_path / "0.raw", "--page-size", "4096", "--quiet", "--jobs", "1")
    assert with_zeros["coverage"]["dump_zero_pages"] == 65
    ratios = [each["ratio"] for each in with_zeros["without_dump_zeros"]]
    assert ratios == [each["ratio"] for each in alone["systems"]]


def test_pages_are_counted_by_kind(dump: Path) -> None:
    assert estimate(dump)["pages"] == {
        "total": 15,
        "zero": 5,
        "same_filled": 3,
        "data": 7,
        "distinct": 3,
        "duplicate": 4,
    }


def test_copies_are_counted(dump: Path) -> None:
    assert estimate(dump)["dedup"]["histogram"] == [
        {"copies": 1, "contents": 1, "pages": 1},
        {"copies": 2, "contents": 1, "pages": 2},
        {"copies": 4, "contents": 1, "pages": 4},
    ]


def test_the_document_has_every_key_of_the_contract(dump: Path) -> None:
    document = estimate(dump)
    assert document["schema"] == "ghostswap.estimate/1"
    assert document["mode"] == "exact"
    assert document["partial"] is False
    assert {
        "page_size",
        "kernel",
        "sources",
        "pages",
        "algorithms",
        "systems",
        "dedup",
    } <= document.keys()
    assert document["sources"][0].keys() == {
        "name",
        "kind",
        "pages",
        "unreadable_pages",
        "absent_pages",
        "swapped_pages",
        "warnings",
    }
    assert document["algorithms"]["lz4"].keys() == {
        "compressed_pages",
        "mean_bytes",
        "incompressible_pages",
        "compress_ns_per_page",
        "decompress_ns_per_page",
        "relative_error",
        "confidence",
    }
    names = [(entry["system"], entry["algorithm"]) for entry in document["systems"]]
    assert names == [
        ("zram", "lz4"),
        ("zram+dedup", "lz4"),
        ("zswap", "lz4"),
        ("zswap+dedup", "lz4"),
        ("ksm", None),
    ]
    for entry in document["systems"]:
        assert entry["ram_bytes"] == entry["pool_bytes"] + entry["metadata_bytes"]
        assert entry["saved_bytes"] == 15 * PAGE - entry["ram_bytes"]


def test_dedup_stores_each_content_once(dump: Path) -> None:
    document = estimate(dump)
    plain, dedup = system(document, "zram"), system(document, "zram+dedup")
    # 4 A, 2 B and C, each of a little more than half a page; one of each with dedup.
    assert 7 * 2048 < plain["compressed_bytes"] < 7 * 2100
    assert 3 * 2048 < dedup["compressed_bytes"] < 3 * 2100


def test_several_algorithms_are_compared_best_first(dump: Path) -> None:
    done = run_estimate("--algorithm", "lz4", "--algorithm", "zstd", "--bytes", dump)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    heading = next(at for at, line in enumerate(lines) if line.startswith("SYSTEM"))
    saved = [int(line.split()[4]) for line in lines[heading + 1 : heading + 10]]
    assert len(saved) == 9
    assert saved == sorted(saved, reverse=True)


@pytest.mark.parametrize(
    ("kernel", "stored", "same"),
    [
        ("6.1", 15, 8),  # same-filled pages are entries without an object
        ("6.12", 10, 5),  # zero pages are in the zeromap, same-filled ones are compressed
        ("6.18", 10, 5),
    ],
)
def test_zswap_follows_the_kernel_that_is_named(
    dump: Path, kernel: str, stored: int, same: int
) -> None:
    document = estimate(dump, "--kernel", kernel)
    assert document["kernel"] == kernel
    zswap = system(document, "zswap")
    assert (zswap["pages_stored"], zswap["same_pages"]) == (stored, same)


def test_incompressible_pages_stay_in_ram_where_nothing_is_written_back(tmp_path: Path) -> None:
    noise = tmp_path / "noise.raw"
    noise.write_bytes(random.Random(4).randbytes(64 * PAGE))
    raw = system(estimate(noise, "--kernel", "6.18"), "zswap")
    assert (raw["huge_pages"], raw["refused_pages"]) == (64, 0)
    for options in (["--kernel", "6.18", "--no-writeback"], ["--kernel", "6.12", "--ghost"]):
        kept = system(estimate(noise, *options), "zswap")
        assert (kept["pages_stored"], kept["refused_pages"]) == (0, 64)
        assert kept["ram_bytes"] >= 64 * PAGE
        assert kept["saved_bytes"] <= 0
    written = system(estimate(noise, "--kernel", "6.12"), "zswap")
    assert written["refused_pages"] == 64
    assert written["ram_bytes"] < PAGE


def test_zbud_holds_two_objects_a_page(tmp_path: Path) -> None:
    dump = tmp_path / "thirds.raw"  # each compresses to about a third of a page
    third = PAGE // 3
    pages = [random.Random(i).randbytes(third) + bytes(PAGE - third) for i in range(60)]
    dump.write_bytes(b"".join(pages))

    def pool(zpool: str) -> int:
        estimated = system(estimate(dump, "--kernel", "6.1", "--zpool", zpool), "zswap")
        return int(estimated["pool_bytes"]) // PAGE

    assert pool("zbud") == 30
    assert pool("z3fold") == 30  # a third and the headers do not fit three times
    assert pool("zsmalloc") < 30


def test_the_most_copied_contents_are_shown_with_their_beginning(dump: Path) -> None:
    first, second = estimate(dump, "--top", "5")["dedup"]["top"]
    assert (first["copies"], second["copies"]) == (4, 2)
    assert first["preview_hex"] == page(1)[:32].hex()
    assert first["sources"] == [str(dump)]
    assert estimate(dump)["dedup"]["top"] == []


def test_pages_shared_between_sources_are_told(dump: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.raw"
    other.write_bytes(page(1) * 2 + page(9))
    document = estimate(dump, other, "--group-by", "source")
    # Apart, the two would keep A twice.
    assert document["dedup"]["shared_between_sources_pages"] == 1
    groups = {group["name"]: group for group in document["groups"]}
    assert groups[str(dump)]["distinct"] == 3
    assert groups[str(other)]["distinct"] == 2
    assert groups[str(other)]["duplicate"] == 1
    assert document["pages"]["distinct"] == 4


def test_groups_by_kind_add_up(dump: Path) -> None:
    groups = estimate(dump, "--group-by", "kind")["groups"]
    assert {group["name"]: group["pages"] for group in groups} == {
        "zero": 5,
        "same-filled": 3,
        "data": 7,
    }


@pytest.mark.parametrize("page_size", [8192, 16384, 65536])
def test_larger_pages(tmp_path: Path, page_size: int) -> None:
    half = [random.Random(i).randbytes(page_size // 2) + bytes(page_size // 2) for i in range(4)]
    noise = random.Random(8).randbytes(page_size)
    path = tmp_path / "large.raw"
    path.write_bytes(bytes(page_size) * 2 + b"".join(half) + half[0] + noise)
    document = estimate(path, "--page-size", page_size)
    assert document["pages"]["total"] == 8
    assert document["pages"]["zero"] == 2
    assert document["pages"]["duplicate"] == 1
    zram = system(document, "zram")
    assert zram["huge_pages"] == 1
    assert zram["compressed_bytes"] > page_size + 5 * page_size // 2


def test_a_table_without_headings_has_rows_only(dump: Path) -> None:
    done = run_estimate("--noheadings", "--output", "system,saved", "--bytes", dump)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == ["zram", "zram+dedup", "zswap", "zswap+dedup", "ksm"]
    assert all(row[1].lstrip("-").isdigit() for row in rows)


def test_all_jobs_agree(tmp_path: Path) -> None:
    draw = random.Random(3)
    pages = [page(draw.randrange(900)) for _ in range(3000)]
    path = tmp_path / "many.raw"
    path.write_bytes(b"".join(pages))

    def without_times(jobs: int) -> object:
        document = estimate(path, "--jobs", jobs)
        for costs in document["algorithms"].values():
            del costs["compress_ns_per_page"], costs["decompress_ns_per_page"]
        return document

    assert without_times(1) == without_times(3)


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    assert "empty" in refusal(empty)
    assert "directory" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "nothing")
    short = tmp_path / "short"
    short.write_bytes(b"x" * 100)
    assert "short" in refusal(short)
    broken = tmp_path / "broken.core"
    broken.write_bytes(elf_core(Part(page(1)))[:70])
    assert "broken.core" in refusal(broken)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--algorithm", "lz5"],
        ["--algorithm", "zstd:99"],
        ["--page-size", "5000"],
        ["--kernel", "new"],
        ["--kernel", "6.18", "--zpool", "zbud"],
        ["--output", "price"],
        ["--group-by", "colour"],
        ["--jobs", "0"],
        ["--top", "-1"],
        ["--top", "10001"],
    ],
)
def test_a_wrong_option_is_said_with_status_2(dump: Path, wrong: list[str]) -> None:
    done = run_estimate(*wrong, dump)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert wrong[-2].lstrip("-") in done.stderr


def test_nothing_named_is_a_usage_error() -> None:
    assert "--pid" in refusal(status=2)


def test_a_core_cut_in_the_middle_says_what_is_missing(tmp_path: Path) -> None:
    whole = elf_core(Part(b"".join(page(i) for i in range(8))))
    cut = tmp_path / "cut.core"
    cut.write_bytes(whole[: len(whole) - 3 * PAGE])
    done = run_estimate("--json", cut)
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["sources"][0]["unreadable_pages"] == 3
    assert document["pages"]["total"] == 5
    assert "cut.core" in done.stderr


def test_a_process_of_ones_own_needs_no_root() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            document = estimate("--pid", child.pid)
        finally:
            child.kill()
    assert document["sources"][0]["kind"] == "process"
    assert document["pages"]["total"] > 100


def test_a_process_that_is_not_there() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    assert str(child.pid) in refusal("--pid", child.pid)


def test_quick_keeps_dedup_exact_and_states_its_error(tmp_path: Path) -> None:
    draw = random.Random(12)
    sizes = [draw.randrange(100, PAGE) for _ in range(20_000)]
    noise = draw.randbytes(1 << 20)
    path = tmp_path / "large.raw"
    with path.open("wb") as file:
        for number, size in enumerate(sizes):
            start = draw.randrange(len(noise) - PAGE)
            file.write(
                (number.to_bytes(4, "little") + noise[start : start + size])[:PAGE].ljust(
                    PAGE, b"\0"
                )
            )
        file.write(bytes(PAGE) * 500 + page(1) * 300)
    exact, quick = estimate(path), estimate(path, "--quick", "--error", "2%")
    assert (exact["mode"], quick["mode"]) == ("exact", "quick")
    assert quick["pages"] == exact["pages"]
    assert quick["dedup"] == exact["dedup"]
    compressed = quick["algorithms"]["lz4"]
    assert compressed["confidence"] == 0.95
    assert compressed["compressed_pages"] < exact["algorithms"]["lz4"]["compressed_pages"] / 2
    for name in ("zram", "zswap+dedup"):
        estimated, true = system(quick, name), system(exact, name)
        assert estimated["relative_error"] <= 0.021
        off = abs(estimated["pool_bytes"] / true["pool_bytes"] - 1)
        assert (
            off <= 2 * estimated["relative_error"]
        )  # twice: a miss of 1 in 20 is not a failure here
    assert estimate(path, "--quick", "--error", "2%")["systems"] == quick["systems"]
