"""What memory swapped to a ghost area comes to under stock kernels: huge pages, a full pool, and
`off` with less memory than is used in the area."""

from typing import Any

import pytest

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

HUGE = 16 << 20


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


def test_with_no_writeback_a_full_pool_is_quiet(facts: Any) -> None:
    assert facts["refused"]["write_errors"] > 0
    if "forbidden" not in facts:
        pytest.skip("no memory.zswap.writeback before 6.8")
    assert facts["forbidden"]["write_errors"] == 0
    assert facts["forbidden"]["written_back"] == facts["refused"]["written_back"], (
        "counts since boot"
    )
    assert facts["forbidden"]["zswapped"] > 0


def test_off_needs_less_memory_than_is_used(facts: Any) -> None:
    off = facts["off"]
    assert off["available"] < off["used"], "there was memory enough for all of it"
