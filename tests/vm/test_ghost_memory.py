"""What memory swapped to a ghost area comes to under stock kernels: huge pages, a full pool, and
`off` with less memory than is used in the area."""

from typing import Any

import pytest

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

HUGE = 16 << 20
TRY = 1 << 20  # bytes that the guest tries to store in a pool that was full


@pytest.fixture(scope="module", params=["6.1", "6.12"])
def facts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(f"linux-{request.param}")
    facts = run_in_guest(debian_kernel(request.param), folder, "ghost_memory", timeout=900)
    print(request.param, facts)
    return facts


def test_huge_pages_are_stored_as_single_ones_are(facts: Any) -> None:
    for case in ("split", "single"):
        assert facts[case]["zswapped"] >= HUGE
        assert facts[case]["write_errors"] == 0
    whole = facts["whole"]
    assert whole["zswapped"] < HUGE // 4, "this zswap takes huge pages: nothing need be done"
    assert whole["write_errors"] > 0


def test_a_full_pool_is_decompressed_in_vain_unless_writeback_is_off(facts: Any) -> None:
    refused = facts["refused"]
    assert refused["write_errors"] > 0
    if "forbidden" not in facts:  # before 6.8, when zsmalloc wrote nothing back either
        assert refused["written_back"] == 0
        return
    # How many it is varies: the worker gives up after 16 pages that it could not write.
    assert refused["written_back"] > 0, "counted as written, though each write failed"
    forbidden = facts["forbidden"]
    assert forbidden["write_errors"] == forbidden["written_back"] == 0
    assert forbidden["pool"] > 0.98 * forbidden["limit"]


def test_a_pool_that_was_full_takes_nothing_until_it_is_at_its_threshold(facts: Any) -> None:
    """accept_threshold_percent is 90: nothing is stored at 96 % of the limit, all at 88 %."""
    full = facts.get("forbidden", facts["refused"])
    assert full["pool"] > 0.98 * full["limit"]
    assert full["above"] == 0
    assert full["below"] == TRY


def test_off_needs_less_memory_than_is_used(facts: Any) -> None:
    off = facts["off"]
    assert off["available"] < off["used"], "there was memory enough for all of it"
