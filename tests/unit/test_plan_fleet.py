"""The default that is fitted to a fleet: few hosts fail, and no smaller rule is as good."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.plan.answer import PlanInput
from ghostswap.plan.fleet import FAILING, HostSizing, fit, spread
from ghostswap.plan.sizing import PoolLimit, size_up
from ghostswap.systems.footprint import System

RULES = rules_for(KernelVersion.parse("6.12"), {})
GIB = 1 << 30


def host(name: str, ram_gib: float, ratio: float) -> HostSizing:
    footprint = PlanInput.of_ratio(ratio, 4096, RULES).footprint(System.ZRAM)
    limit = PoolLimit(int(ram_gib * GIB), 20)
    return HostSizing(name, size_up(footprint, limit, 0.0, None))


def wasted(hosts: list[HostSizing], hundredths: int, most: int) -> tuple[int, float]:
    """How many hosts a rule fails, and what it gives the others beyond their need."""
    fails, beyond = 0, 0.0
    for each in hosts:
        given_bytes = min(each.sizing.limit.ram_bytes * hundredths // 100, most)
        fails += given_bytes < each.needed_bytes
        beyond += max(given_bytes - each.needed_bytes, 0)
    return fails, beyond


@given(st.lists(st.tuples(st.sampled_from([2, 8, 16, 64, 250.5]), st.floats(1, 8)), min_size=1))
def test_one_host_in_twenty_at_most_fails(machines: list[tuple[float, float]]) -> None:
    hosts = [host(str(i), ram, ratio) for i, (ram, ratio) in enumerate(machines)]
    default = fit(hosts)
    fails, _ = wasted(hosts, default.hundredths, default.most_bytes)
    assert fails == len(default.failing) <= len(hosts) * FAILING
    low, middle, high = spread(hosts).needed_bytes
    assert low <= middle <= high <= default.most_bytes or fails


def test_no_other_rule_is_smaller_and_as_good() -> None:
    draw = np.random.default_rng(5)
    hosts = [
        host(str(i), ram, ratio)
        for i, (ram, ratio) in enumerate(
            zip(draw.choice([4, 16, 64, 512], 60), draw.gamma(20, 0.15, 60) + 1, strict=True)
        )
    ]
    default = fit(hosts)
    _, beyond = wasted(hosts, default.hundredths, default.most_bytes)
    needed = [each.needed_bytes for each in hosts]
    for hundredths, most in product(range(20, 201), {-(-n // (1 << 20)) << 20 for n in needed}):
        fails, other = wasted(hosts, hundredths, most)
        assert fails > len(hosts) * FAILING or other >= beyond * (1 - 1e-12)
    assert default.failing


def test_the_hosts_in_greatest_need_come_first() -> None:
    hosts = [host(f"usual{i}", 16, 3) for i in range(60)]
    hosts += [host("better", 16, 6), host("best", 16, 9)]
    default = fit(hosts)
    assert [each.host for each in default.failing] == ["best", "better"]
    assert default.share_of_ram == pytest.approx(0.2 * 3, abs=0.02)
    assert spread(hosts).ratios == pytest.approx((3, 3, 3))
