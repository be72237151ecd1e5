"""Idle pages are the cold ones, and those that reclaim takes: by both trackers, in guests."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.vm.kernels import Kernel, built_kernel, debian_kernel
from tests.vm.machine import run_in_guest

PAGES, SECONDS = 3000, 10


@pytest.fixture(scope="module", params=["damon on 6.12", "page-idle where a kernel is named"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What tests.vm.guest.idle found."""
    by_damon: bool = request.param.startswith("damon")
    kernel: Callable[[], Kernel] = (lambda: debian_kernel("6.12")) if by_damon else built_kernel
    tracker = "damon" if by_damon else "page-idle"
    folder = tmp_path_factory.mktemp(tracker)
    return run_in_guest(kernel(), folder, "idle", tracker, PAGES, SECONDS, timeout=900.0)


def test_cold_pages_are_idle_and_others_are_not(watched: Any) -> None:
    idle, followed = watched["idle"], watched["followed"]
    assert followed["cold"] >= 0.95 * watched["pages"]["cold"]
    assert idle["cold"] >= 0.95 * followed["cold"], "recall"
    assert idle["cold"] >= 0.95 * sum(idle.values()), "precision"


def test_reclaim_takes_what_was_idle(watched: Any) -> None:
    """All of it; beyond that it takes others too, since it was asked for as much as was idle of the
    whole process."""
    assert watched["swapped"]["cold"] >= 0.95 * watched["pages"]["cold"], "the LRU was aged"


def test_the_command_reads_all_that_was_idle(watched: Any) -> None:
    estimate = watched["estimate"]
    assert estimate["pages"]["total"] == estimate["idle"]["idle_pages"] >= watched["idle"]["cold"]


def test_nothing_is_left_running(watched: Any) -> None:
    assert watched["nr_kdamonds"] == "0"
