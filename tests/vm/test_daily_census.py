"""The timer of examples/ starts its service, in the sandbox that it asks for: a census is left."""

import shutil

import pytest

from tests.vm.conftest import InGuest

HELD = 8192


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="systemd is not installed")
def test_the_timer_takes_a_census_of_the_host(in_guest: InGuest) -> None:
    taken = in_guest("6.12", "daily_census", HELD)
    properties = taken["properties"]
    assert (properties["Result"], properties["ExecMainStatus"]) == ("success", "0")
    assert properties["TriggeredBy"] == "ghostswap-census.timer"
    assert properties["PrivateNetwork"] == "yes"
    assert taken["stamp_age"] < 3600  # the timer has noted that it ran
    assert taken["host"] == taken["hostname"]
    assert taken["one_in"] == 64
    assert HELD < taken["pages"] < 2 * HELD  # and those of systemd
    assert HELD / 64 / 2 < taken["rows"] < 2 * HELD / 64 * 2
    assert (taken["mode"], taken["folder_mode"]) == (0o600, 0o700)
