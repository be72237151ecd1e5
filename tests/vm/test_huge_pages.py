"""Before 6.13 zswap refuses huge pages that come whole, and the estimate says how many."""

import pytest

from tests.vm.conftest import InGuest


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_zswap_refuses_what_the_estimate_says(version: str, in_guest: InGuest) -> None:
    real = in_guest(version, "huge_pages")
    assert real["whole"] * 4096 >= 12 << 20
    assert real["stored"] == real["pages"] - real["whole"]
    # The interpreter's own may lie in huge pages too: khugepaged makes some when the guest is slow.
    assert real["zswap"]["refused_thp_pages"] == real["thp_pages"]
    assert real["thp_pages"] >= real["whole"] + real["split"]
    assert abs(real["thp_pages"] - real["counted"]) <= 512
