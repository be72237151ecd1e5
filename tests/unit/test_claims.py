"""What the documents claim names the test that holds it, and that test is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "SECURITY.md", ROOT / "README.md"]
_TEST = re.compile(r"tests/[\w/]+(?:\.py)?(?:::\w+)?")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_is_named_exists(page: Path) -> None:
    for name in _TEST.findall(page.read_text()):
        file, _, function = name.partition("::")
        path = ROOT / file
        assert path.exists(), name
        assert not function or re.search(rf"^def {function}\b", path.read_text(), re.MULTILINE), (
            name
        )


def test_each_claim_of_security_names_its_test() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    (claims,) = re.findall(r"What follows from that.*?(?=\n## )", text, re.DOTALL)
    each = re.split(r"^- ", claims, flags=re.MULTILINE)[1:]
    assert len(each) > 9
    assert [claim for claim in each if not _TEST.search(claim)] == []


@pytest.mark.parametrize(
    "fault",
    ["--idle", "`fleet`", "contradict", "DAMON", "mostly zero pages", "unreadable", "OpenMetrics"],
)
def test_what_is_new_has_rows_that_name_their_tests(fault: str) -> None:
    rows = [line for line in (ROOT / "docs/faults.md").read_text().splitlines() if "|" in line]
    assert any(fault in row and _TEST.search(row) for row in rows)


def test_every_target_of_fuzzing_is_recorded() -> None:
    from tests.fuzz.targets import TARGETS

    record = (ROOT / "docs/fuzzing.md").read_text()
    recorded = set(re.findall(r"^\| ([\w-]+) \|.*\| [\d,]+ \|", record, re.MULTILINE))
    assert {target.name for target in TARGETS} <= recorded
