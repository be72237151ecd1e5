"""On the classic LRU (Linux 6.1), an estimate by root leaves alone what reclaim takes next."""

from pathlib import Path

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

PAGES = 2000


def test_reading_frames_spares_no_page_from_reclaim(tmp_path: Path) -> None:
    observed = run_in_guest(debian_kernel("6.1"), tmp_path, "observer", PAGES, timeout=480.0)
    print(observed)
    by_process, by_frames = observed["process"], observed["frames"]
    before, after = by_process["used"]
    assert after - before > 0.9 * PAGES, "reading a process marks pages: else this tests nothing"
    assert by_process["measured_swapped"] < 0.1 * by_process["other_swapped"]

    before, after = by_frames["used"]
    assert after <= before
    assert by_frames["measured_swapped"] > 0.5 * by_frames["other_swapped"]
    assert by_frames["unreadable"] == 0
    for each in (by_process, by_frames):  # each of its own two processes; counters lag by so much
        assert abs(each["read"] - each["resident"]) <= 64
