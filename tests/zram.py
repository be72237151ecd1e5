"""What zram itself makes of a dump's pages."""

from pathlib import Path

from ghostswap.host.kernel import page_size
from ghostswap.host.zram import MmStat
from ghostswap.host.zram_device import zram_device
from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Source

_BATCH = 256  # pages


def fed_to_zram(dump: Path, algorithm: str) -> MmStat:
    """mm_stat of a fresh device after one writer wrote every page of the dump to it.

    GhostswapError where there is no zram, or none with this algorithm.
    """
    page = page_size()
    source = open_dump(dump, page)
    assert isinstance(source, Source)
    reader = source.open()
    buffer = memoryview(bytearray(_BATCH * page))
    with zram_device(algorithm, source.runs.pages * page) as device:
        for first in range(0, source.runs.pages, _BATCH):
            count = min(_BATCH, source.runs.pages - first)
            assert reader.read(first, count, buffer).all()
            device.write(buffer[: count * page], first * page)
        return device.mm_stat()
