"""With an area as `plan --eviction` has it kubelet sees that memory runs out; with a larger one,
full of cold memory, the kernel kills before."""

from pathlib import Path

from tests.vm.kernels import debian_kernel
from tests.vm.machine import run_in_guest

ABOVE, TIMES = 48, 3


def test_kubelet_sees_that_memory_runs_out(tmp_path: Path) -> None:
    facts = run_in_guest(debian_kernel("6.12"), tmp_path, "eviction", ABOVE, TIMES, timeout=480.0)
    print(facts)
    sized, larger = facts["so sized"], facts["larger"]
    assert sized["swapped"] >= 0.9 * sized["size"], "the area is full"
    assert sized["pool"] <= sized["planned"]
    assert sized["least"] < sized["threshold"]
    assert larger["pool"] > 2 * sized["pool"], "there was room for more"
    assert larger["least"] >= larger["threshold"]
