"""Idle pages are the cold ones, those that reclaim takes, and take what the estimate says: by both
trackers, in guests. And what a killed watch leaves is ended, and nobody else's is touched."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.estimates import system
from tests.vm.guest.idle_cost import calls
from tests.vm.kernels import Kernel, built_kernel, debian_kernel
from tests.vm.machine import run_in_guest

PAGES, SECONDS = 3000, 20  # so long that all pages are watched


@pytest.fixture(scope="module", params=["damon on 6.12", "page-idle where a kernel is named"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What tests.vm.guest.idle found."""
    by_damon: bool = request.param.startswith("damon")
    kernel: Callable[[], Kernel] = (lambda: debian_kernel("6.12")) if by_damon else built_kernel
    tracker = "damon" if by_damon else "page-idle"
    folder = tmp_path_factory.mktemp(tracker)
    measured = run_in_guest(kernel(), folder, "idle", tracker, PAGES, SECONDS, timeout=480.0)
    print(tracker, measured)
    return measured


@pytest.fixture(scope="module")
def leftovers(watched: Any) -> Any:
    if "leftovers" not in watched:
        pytest.skip("page_idle leaves marks alone, which mean nothing to the kernel")
    return watched["leftovers"]


def test_cold_pages_are_idle_and_others_are_not(watched: Any) -> None:
    idle, followed = watched["idle"], watched["followed"]
    assert followed["cold"] >= 0.95 * watched["pages"]["cold"]
    assert idle["cold"] >= 0.95 * followed["cold"], "recall"
    assert idle["cold"] >= 0.95 * sum(idle.values()), "precision"


def test_reclaim_takes_what_was_idle(watched: Any) -> None:
    """Of the interpreter too, whose pages nobody but the tracker knows to be cold."""
    idle = watched["estimate"]["idle"]["idle_pages"]
    assert watched["gone"] >= idle
    assert watched["gone_and_idle"] >= 0.95 * idle, "recall: the LRU was aged"
    assert watched["gone_and_idle"] >= 0.95 * watched["gone"], "precision"


def test_their_pool_is_what_the_estimate_says(watched: Any) -> None:
    """Reclaim takes batches, and so some pages more than are idle: they take what the estimate says
    of touched ones."""
    real, before = watched["mm_stat"], watched["before"]  # mkswap's page is there before
    zram = system(watched["estimate"], "zram", "lz4")
    idle = watched["estimate"]["idle"]
    touched = idle["compared"][1]
    share = watched["gone_and_idle"] / idle["idle_pages"]
    more = watched["gone"] - watched["gone_and_idle"]
    assert more <= 0.05 * idle["idle_pages"]
    pool = share * zram["pool_bytes"] + more * 4096 / touched["ratio"]
    assert pool == pytest.approx(real["mem_used_total"] - before["mem_used_total"], rel=0.02)
    data = more * (1 - touched["zero_share"]) * touched["mean_bytes"]
    compressed = real["compr_data_size"] - before["compr_data_size"]
    assert share * zram["compressed_bytes"] + data == pytest.approx(compressed, rel=0.02)
    assert touched["ratio"] > 1.2 * zram["ratio"], "figures of all pages would be wrong"


def test_watching_takes_no_more_than_a_hundredth_of_a_core(watched: Any) -> None:
    """Of a processor that is as much faster than the emulated one as this machine's is."""
    here = calls()
    faster = min(watched["calls"][name] / here[name] for name in here)
    assert watched["cpu_share"] / faster <= 0.01


def test_a_killed_watch_goes_on_until_the_next_run(leftovers: Any) -> None:
    assert leftovers["left"] == "on", "else this tests nothing"
    assert leftovers["next"] == {"status": 0, "err": "", "nr_kdamonds": "0"}


def test_what_somebody_else_set_up_since_is_left_alone(leftovers: Any) -> None:
    other = leftovers["other"]
    assert other["status"] == 1
    assert other["out"] == ""
    assert "DAMON is in use" in other["err"]
    assert other["err"].count("\n") == 1
    assert other["state"] == "on"
    assert other["same_thread"]


def test_nothing_is_left_running(watched: Any) -> None:
    assert watched.get("nr_kdamonds", "0") == "0"
