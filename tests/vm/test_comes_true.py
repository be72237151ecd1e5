"""Does a plan come true? Of real servers under memory.high, swapping to zswap on a ghost."""

from typing import Any

import pytest

from tests.vm.guest.comes_true import WORK
from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

RECORDS, SECONDS = 40_000, 20
BOUND = 0.05
WITH_HOLES = 0.1  # where pages were read back and zsmalloc has not closed the holes yet
PAGE = 4096


@pytest.fixture(scope="module", params=["redis", "node", "cpython"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What tests.vm.guest.comes_true measured of a program."""
    program: str = request.param
    words = ("comes_true", RECORDS, SECONDS, program)
    folder = tmp_path_factory.mktemp(program)
    facts = run_in_guest(debian_kernel("6.12"), folder, *words, timeout=480.0)[program]
    print(facts)
    for moment in ("pressed", "worked", "compacted"):
        pages, pool = held(facts, moment), facts[moment]["pool_bytes"]
        planned = planned_pool(facts, pages)
        saved = (pages * PAGE - planned) / (pages * PAGE - pool) - 1
        read = facts[moment]["read_back_pages"]
        print(f"{program}, {moment}: {pages} pages, {read} read back, {pool} bytes of pool;")
        print(f"    plan {planned:.0f} bytes, {planned / pool - 1:+.1%}, saved {saved:+.1%}")
    return facts


def held(server: Any, moment: str) -> int:
    """Pages swapped out: in zswap's pool, or a bit of the area."""
    zero_pages: int = server[moment]["zero_pages"] - server["before"]["zero_pages"]
    return int(server[moment]["stored_pages"]) + zero_pages


def planned_pool(server: Any, pages: int) -> float:
    """Bytes of pool that so many pages take as planned. Zspages that are not full yet are the same
    however many pages there are."""
    plan = server["planned"]["plans"][0]
    (ghost,) = (each for each in plan["designs"] if each["design"] == "ghost")
    slack: int = plan["slack_bytes"]
    return float(slack + (ghost["pool_bytes"] - slack) * pages / plan["used_slots"])


def test_nothing_else_is_in_the_pool(server: Any) -> None:
    assert server["before"]["stored_pages"] == server["before"]["pool_bytes"] == 0
    pressed = server["pressed"]
    assert pressed["zswapped_bytes"] == pytest.approx(pressed["stored_pages"] * PAGE, rel=0.01)


def test_the_pool_and_what_it_saves_are_as_planned(server: Any) -> None:
    """At the moment when as many pages are swapped out."""
    plan = server["planned"]["plans"][0]
    pages, pool = held(server, "pressed"), server["pressed"]["pool_bytes"]
    assert pages == pytest.approx(plan["used_slots"], rel=0.05), "pressed as long as planned"
    planned = planned_pool(server, pages)
    assert planned == pytest.approx(pool, rel=BOUND)
    assert pages * PAGE - planned == pytest.approx(pages * PAGE - pool, rel=BOUND)


def test_work_under_the_limit_leaves_holes_and_no_more(server: Any) -> None:
    worked, compacted = server["worked"], server["compacted"]
    read_back = worked["read_back_pages"] - server["pressed"]["read_back_pages"]
    assert read_back >= server["planned"]["plans"][0]["used_slots"] // WORK, "it hardly worked"
    planned = planned_pool(server, held(server, "worked"))
    assert planned == pytest.approx(worked["pool_bytes"], rel=WITH_HOLES)
    planned = planned_pool(server, held(server, "compacted"))
    assert planned == pytest.approx(compacted["pool_bytes"], rel=BOUND)
