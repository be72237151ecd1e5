"""docs/host.md names every finding and every key, and none that does not exist."""

import re
from pathlib import Path

from ghostswap.diagnose.findings import SEVERITY, findings
from ghostswap.host.snapshot import read_host
from ghostswap.report.host import host_document
from tests.hosts import CAPTURES

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/host.md").read_text()


def test_every_finding_is_documented_with_its_severity() -> None:
    documented = set(re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", DOCUMENT, re.MULTILINE))
    assert documented == set(SEVERITY.items())


def test_every_key_of_the_document_is_documented() -> None:
    host = read_host(CAPTURES / "linux-6.12", cgroups=True)
    section = DOCUMENT.partition("## JSON")[2].partition("## Findings")[0]
    names = set(re.findall(r"`(\w+)`", section))
    assert set(host_document(host, findings(host))) <= names
