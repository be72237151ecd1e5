"""What swapon(2) of an area takes of RAM before it is used, against what the models say."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.host.kconfig import kernel_config
from ghostswap.host.kernel import page_size, running_kernel
from ghostswap.host.zram_device import zram_device
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.slots import Design, Load, costs, memory
from ghostswap.kernel.version import V6_18

AREA_BYTES = 64 << 30
NOISE_BYTES = 512 << 10  # what else the kernel allocates meanwhile
HERE = Path("/")


def tables_bytes() -> int:
    """What tables of this size are counted under in /proc/meminfo: VmallocUsed, or SUnreclaim where
    kvmalloc() found contiguous memory."""
    Path("/proc/sys/vm/stat_refresh").read_bytes()  # what each CPU has counted for itself
    lines = re.findall(
        r"^(?:VmallocUsed|SUnreclaim):\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE
    )
    return sum(map(int, lines)) * 1024


@contextmanager
def empty_swap(path: Path) -> Iterator[None]:
    """`path` as swap of the lowest priority, so that nothing is swapped to it."""
    subprocess.run(["mkswap", "-q", path], check=True)
    subprocess.run(["swapon", "--priority", "0", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["swapoff", path], check=True)


def test_swapon_and_zram_take_what_the_models_say() -> None:
    pages = AREA_BYTES // page_size()
    config = kernel_config(HERE)
    rules = rules_for(running_kernel(HERE), config)
    before = tables_bytes()
    try:
        with zram_device("lz4", AREA_BYTES) as zram:
            table = tables_bytes() - before
            with empty_swap(zram.path):
                on = tables_bytes() - before - table
    except GhostswapError as error:
        pytest.skip(str(error))
    # A kernel that does not tell how it was built has entries of either size.
    entry_bytes = (rules.zram_entry_bytes,) if config else (16, 24)
    assert any(table == pytest.approx(each * pages, rel=0.01) for each in entry_bytes)
    # Before 6.18 swap_cgroup is allocated page by page (swap_cgroup_prepare()), and such pages
    # are counted nowhere.
    kept = [
        cost
        for cost in costs(Design.SWAPFILE, rules.version, page_size())
        if cost.name != "swap_cgroup" or rules.version >= V6_18
    ]
    estimated = memory(kept, Load(area=pages, used=0, entries=0))
    assert on == pytest.approx(estimated, abs=NOISE_BYTES)
