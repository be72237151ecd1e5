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
from ghostswap.models.rules import rules_for
from ghostswap.models.slots import Cost, Design, Load, costs, memory

AREA_BYTES = 64 << 30
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


def predicted(design: Design) -> list[Cost]:
    rules = rules_for(running_kernel(HERE), kernel_config(HERE))
    return list(costs(design, rules.version, page_size(), rules.zram_entry_bytes))


def test_swapon_and_zram_take_what_the_models_say() -> None:
    pages = AREA_BYTES // page_size()
    empty = Load(area=pages, used=0, entries=0)
    before = tables_bytes()
    try:
        device = zram_device("lzo-rle", AREA_BYTES)
        with device as zram:
            table = tables_bytes()
            with empty_swap(zram.path):
                on = tables_bytes()
    except GhostswapError as error:
        pytest.skip(str(error))
    assert table - before == pytest.approx(
        memory((c for c in predicted(Design.ZRAM) if c.name == "zram table"), empty), rel=0.01
    )
    assert on - table == pytest.approx(memory(predicted(Design.SWAPFILE), empty), rel=0.01)
