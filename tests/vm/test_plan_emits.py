"""The lines of `plan --emit`, in every form, run under Debian's 6.12 by those who read them."""

from typing import Any

import pytest

from tests.vm.conftest import InGuest


@pytest.fixture
def facts(in_guest: InGuest) -> Any:
    return in_guest("6.12", "plan_emits")


def area(swaps: list[str]) -> str:
    """The name of the one area that is on, with the priority that all forms give it."""
    (line,) = swaps
    name, *_, priority = line.split()
    assert priority == "100"
    return name


def test_a_shell_sets_up_zswap_and_a_ghost_and_once_more_nothing(facts: Any) -> None:
    found = facts["sh"]
    assert found["status"] == 0, found["log"]
    assert area(found["swaps"]).startswith("/dev/dm-")
    assert (found["enabled"], found["max_pool_percent"]) == ("Y", "17")
    assert found["again"] != 0
    assert "/swap folder/a ghost" in found["complaint"]
    assert found["after"] == found["swaps"]
    assert found["left"] == []


def test_fstab_takes_a_swapfile_whatever_it_is_called(facts: Any) -> None:
    found = facts["fstab of a swapfile"]
    assert found["made"] == 0, found["log"]
    assert area(found["by_shell"]).endswith("/swap\\040folder/swap\\040#1")
    assert found["again"] != 0
    assert "the swapfile exists already" in found["complaint"]
    assert found["between"] == []
    assert found["status"] == 0, found["swapon"]
    assert area(found["swaps"]) == area(found["by_shell"])


def test_fstab_asks_the_kernel_for_the_ghost_which_a_stock_one_refuses(facts: Any) -> None:
    found = facts["fstab of a ghost"]
    assert (found["made"], found["swaps"]) == (0, [])
    assert "/swap folder/a ghost" in found["log"]


def test_a_shell_sets_up_the_zram_device_of_the_plan(facts: Any) -> None:
    found, plan = facts["sh of zram"], facts["plan of zram"]
    assert found["status"] == 0, found["log"]
    assert found["disksize"] == plan["size"]
    assert found["mem_limit"] - plan["limit"] in range(4096)  # whole pages
    assert "[zstd]" in found["algorithm"]
    assert area(found["swaps"]) == "/dev/zram0"


def test_zram_generator_sets_up_the_device_of_the_plan(facts: Any) -> None:
    found = facts["zram-generator"]
    if "skip" in found:
        pytest.skip(found["skip"])
    assert (found["generated"], found["status"]) == (0, 0), found["log"]
    assert found["disksize"] == facts["plan of zram"]["size"]
    assert "[zstd]" in found["algorithm"]
    assert area(found["swaps"]) == "/dev/zram0"


def test_systemd_starts_and_stops_its_units(facts: Any) -> None:
    found = facts["systemd"]
    if "skip" in found:
        pytest.skip(found["skip"])
    assert found["tmpfiles"] == 0, found["log"]
    assert (found["enabled"], found["max_pool_percent"]) == ("Y", "17")
    assert found["active"] == "active", found["log"]
    assert found["made"]
    assert "/dev/dm-" in area(found["swaps"])  # seen from outside of its mount namespace
    assert found["stopped"] == 0, found["log"]
    assert found["left"] == []
