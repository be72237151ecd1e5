"""`--all` on a machine with thousands of processes."""

import json
from collections.abc import Iterator

import pytest

from tests.families import small_processes
from tests.faults.measured import BYTES_A_PAGE, FIXED_BYTES, estimate

COUNT = 2000


@pytest.fixture
def family() -> Iterator[None]:
    """Two thousand small processes."""
    with small_processes(COUNT) as running:
        if not running:
            pytest.skip("this machine does not allow so many processes")
        yield


def test_two_thousand_processes_are_measured_in_a_minute(family: None) -> None:
    run = estimate("--all", "--quiet")
    assert run.status == 0, run.errors
    document = json.loads(run.output)
    assert len(document["sources"]) > COUNT
    assert run.peak < FIXED_BYTES + BYTES_A_PAGE * document["pages"]["total"]
    assert run.seconds < 60
    print(f"{len(document['sources'])} processes: {run.seconds:.1f} s, {run.peak >> 20} MiB")
