"""How long anonymous memory has not been used, as debugfs lru_gen has it."""

from pathlib import Path

import pytest

from ghostswap.host.files import HostFiles
from ghostswap.host.lru_gen import Generation, GroupAges, parse_lru_gen, read_lru_gen

# Linux 6.12.117 in QEMU, two groups of it; a second node is made up.
TEXT = (  # each line ends in the mark of a generation, a space
    b"memcg     1 /\n"
    b" node     0\n"
    b"          0      21652          0        2405 \n"
    b"          1      15024        108         120 \n"
    b"          2       9812          7           0 \n"
    b"          3       1204          0           0 \n"
    b"memcg    42 /a b/c\n"
    b" node     0\n"
    b"          5     130000       2048           0 \n"
    b"          6      10000        512           9 \n"
    b" node     1\n"
    b"          0      20000         16           1 \n"
)


def test_pages_of_a_generation_are_unused_since_the_next_one_began() -> None:
    root, group = parse_lru_gen(TEXT)
    assert root.path == b"/"
    assert root.generations[1] == Generation(unused_ms=9812, age_ms=15024, anon_pages=108)
    assert group.path == b"/a b/c"
    assert group.generations == (
        Generation(10000, 130000, 2048),
        Generation(0, 10000, 512),
        Generation(0, 20000, 16),
    )


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"memcg\n", b" node 0\n", b"   1 2 3 4\n", b"\xff\x0b"]
)
def test_lines_of_another_form_are_skipped(text: bytes) -> None:
    assert [group for group in parse_lru_gen(text) if group.generations] == []


@pytest.mark.parametrize(
    ("enabled", "there"), [("0x0007", True), ("0x0000", False), ("y", False), (None, False)]
)
def test_ages_are_told_where_the_lru_is_on(
    tmp_path: Path, enabled: str | None, there: bool
) -> None:
    (tmp_path / "sys/kernel/debug").mkdir(parents=True)
    (tmp_path / "sys/kernel/debug/lru_gen").write_bytes(TEXT + b"memcg 7 /empty\n node 0\n")
    if enabled is not None:
        (tmp_path / "sys/kernel/mm/lru_gen").mkdir(parents=True)
        (tmp_path / "sys/kernel/mm/lru_gen/enabled").write_text(enabled + "\n")
    groups = read_lru_gen(HostFiles(tmp_path))
    assert (groups is not None) == there
    if groups is not None:
        assert [group.path for group in groups] == [b"/", b"/a b/c"], "an empty group says nothing"


def test_pages_are_counted_once_by_the_age_that_they_have_reached() -> None:
    ages = [(0, 7), (29_999, 1), (30_000, 20), (120_000, 300), (10**9, 4000)]
    group = GroupAges(b"/", tuple(Generation(unused, 0, pages) for unused, pages in ages))
    assert group.pages_by_age([0, 30_000, 120_000, 600_000]) == [8, 20, 300, 4000]
    assert group.unused_pages(120_000) == 4300
