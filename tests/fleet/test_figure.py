"""The picture of a fleet shows the hosts that share most, and what each two of them share."""

from pathlib import Path

import numpy as np
import pytest

from ghostswap.fleet.engine import Engine
from ghostswap.fleet.inventory import take_stock
from ghostswap.fleet.survey import survey
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.plots.canvas import drawing
from ghostswap.plots.fleet_figure import MOST_HOSTS, sharing_matrix, spread_and_sharing
from tests.fleets import PAGE, census_of, save_host

RULES = rules_for(KernelVersion.parse("6.12"), {})


@pytest.mark.parametrize("hosts", [1, 3, MOST_HOSTS + 8])
def test_the_matrix_has_the_hosts_that_share_most(
    hosts: int, tmp_path: Path, duckdb: Engine
) -> None:
    paths = []
    for number in range(hosts):
        # Of two hosts, both have the contents of the one that has fewer.
        contents = np.arange(1000, 1010 + number, dtype=np.uint64)
        paths.append(save_host(tmp_path / f"{number}", census_of([contents]), f"host{number:02}"))
    fleet = survey(take_stock(paths, skip_bad=False), duckdb, RULES, most_pairs=4096)
    names, matrix = sharing_matrix(fleet)
    shown = min(hosts, MOST_HOSTS) if hosts > 1 else 0
    assert names == [f"host{number:02}" for number in range(hosts - shown, hosts)]
    for a in range(shown):
        for b in range(shown):
            fewer = 10 + min(a, b) + hosts - shown
            assert matrix[a, b] == fewer * PAGE if a != b else np.isnan(matrix[a, b])
    with drawing():
        above, below, *_ = spread_and_sharing(fleet).axes
    assert len(above.lines) == len(fleet.systems)
    for line, system in zip(above.lines, fleet.systems, strict=True):
        at = fleet.systems.index(system)
        ratios = np.unique([host.systems[at].ratio or 1.0 for host in fleet.hosts])
        assert np.unique(np.asarray(line.get_xdata())) == pytest.approx(ratios)
    assert len(below.images) == (1 if shown else 0)
