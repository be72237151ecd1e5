"""`--engine kernel`, ended at any time, leaves no zram device behind."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.command import has_traceback, left_in_session, noise, start

CONTROL = Path("/sys/class/zram-control")


def devices() -> set[str]:
    """The zram devices that there are."""
    return {path.name for path in Path("/sys/block").glob("zram*")}


@pytest.mark.skipif(not CONTROL.exists(), reason="this kernel has no zram-control")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_ended_estimate_leaves_no_zram_device(tmp_path: Path, number: signal.Signals) -> None:
    dump = noise(tmp_path / "dump", 64)
    before = devices()
    draw = random.Random(int(number))
    for engine in ("--engine=kernel", "--verify"):
        for _ in range(5):
            with start("estimate-dedup", engine, dump) as process:
                time.sleep(draw.uniform(0.1, 1.5))
                process.send_signal(number)
                _, errors = process.communicate(timeout=30)
            assert not has_traceback(errors)
            assert devices() == before
            assert left_in_session(process.pid) == []
