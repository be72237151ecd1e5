"""A real server under a skewed load: its idle pages take in zram what the estimate says."""

from typing import Any

import pytest

from tests.estimates import system
from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

SECONDS = 20  # so long that all pages are watched


@pytest.fixture(scope="module", params=["single", "huge"])
def redis(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What tests.vm.guest.servers measured, in single pages or in huge ones."""
    folder = tmp_path_factory.mktemp(request.param)
    words = ("servers", "damon", SECONDS, request.param, "redis")
    measured = run_in_guest(debian_kernel("6.12"), folder, *words, timeout=480.0)["redis"]
    print(request.param, measured)
    return measured | {"huge": request.param == "huge"}


def test_reclaim_takes_what_was_idle(redis: Any) -> None:
    """Records are asked for by chance, so that some of the idle pages are touched after all before
    reclaim comes, 20 s later, and others take their place."""
    idle = redis["estimate"]["idle"]
    assert 0.2 < idle["share"] < 0.8, "the load is skewed: else this tests nothing"
    # 70 to 85 % of several runs; pages taken by chance would be as few as are idle among all.
    assert redis["gone_and_idle"] >= (idle["share"] + 0.15) * idle["idle_pages"]


def test_the_idle_pages_take_what_the_estimate_says(redis: Any) -> None:
    """Of a page: reclaim takes a few more of them than are idle, and huge pages by the hundred."""
    used, before = (
        (each["mem_used_total"], each["orig_data_size"] // 4096)
        for each in (redis["mm_stat"], redis["before"])
    )
    taken = (used[0] - before[0]) / (used[1] - before[1])
    estimated = system(redis["estimate"], "zram")
    stored = estimated["pages_stored"] - estimated["zeromap_pages"]  # zram gets no zeros
    assert estimated["pool_bytes"] / stored == pytest.approx(
        taken, rel=0.05 if redis["huge"] else 0.02
    )


def test_figures_of_all_pages_would_be_wrong(redis: Any) -> None:
    """Most of all in huge pages: some of those touched are zeros, but for what is used of them."""
    kept = {each["name"]: each["ratio"] for each in redis["estimate"]["idle"]["compared"]}
    assert abs(kept["touched"] / kept["idle"] - 1) > (0.2 if redis["huge"] else 0.02)
