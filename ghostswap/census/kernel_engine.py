"""Compressed sizes from the running kernel itself: each page goes to a zram device of our own.

Any algorithm that the kernel has is measured that way, and none is modelled. A device keeps one
slot, overwritten page by page, so its counters always speak of the last page.
"""

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import thread_time_ns

from ghostswap.census import codecs
from ghostswap.census.codecs import Codec
from ghostswap.errors import GhostswapError
from ghostswap.host.kernel import page_size as machine_page_size
from ghostswap.host.zram import parse_mm_stat
from ghostswap.host.zram_device import ZramDevice, zram_device
from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.rules import Rules

_WARM_UP = 500  # pages without any work for the compressor, to time the way to it


@contextmanager
def kernel_codecs(
    names: Sequence[str], page_size: int, rules: Rules, variant: Variant
) -> Iterator[list[Codec]]:
    """Codecs for `names` (zstd:LEVEL too) that ask the running kernel; for one worker only.

    Their results are the `variant` named. zram does not tell the size of a same-filled page, nor
    that of a page that it stores as it is: there the library's own size stands in, within what
    zram's answer allows, or the whole page where no library has the algorithm. Raises
    GhostswapError for a page size other than the machine's, and where no device can be had (not
    root, no zram) or the kernel lacks the algorithm.
    """
    if page_size != machine_page_size():
        raise GhostswapError(
            "--engine kernel", f"zram here takes pages of {machine_page_size()} bytes only"
        )
    with ExitStack() as devices:
        engines = [
            _Engine(devices.enter_context(zram_device(name, page_size)), name, page_size, rules)
            for name in names
        ]
        for engine in engines:
            devices.callback(engine.close)
        yield [engine.codec(name, variant) for name, engine in zip(names, engines, strict=True)]


class _Engine:
    """One device, and how long the way to its compressor and back takes by itself."""

    def __init__(self, device: ZramDevice, name: str, page_size: int, rules: Rules) -> None:
        self._page_size = page_size
        self._huge_bytes = rules.classes(page_size).huge_class_size
        self._library = _library(name)
        # O_DIRECT: through the page cache, the compressor would run later and somewhere else.
        self._fd = os.open(device.path, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
        self._stat_fd = os.open(device.mm_stat_path, os.O_RDONLY | os.O_CLOEXEC)
        self._aligned = mmap.mmap(-1, page_size)

    def codec(self, name: str, variant: Variant) -> Codec:
        """The codec that asks this device."""
        write_ns, read_ns = self._overheads()
        return Codec(name, self._compress, self._decompress, 0.0, write_ns, read_ns, variant)

    def close(self) -> None:
        """Let go of the device, which can be removed only then."""
        os.close(self._fd)
        os.close(self._stat_fd)

    def _compress(self, page: memoryview, scratch: bytearray) -> int:
        os.pwrite(self._fd, page, 0)
        stat = parse_mm_stat(os.pread(self._stat_fd, 256, 0).decode())
        if not stat.same_pages and not stat.huge_pages:
            return stat.compr_data_size
        length = self._page_size if self._library is None else self._library.compress(page, scratch)
        return max(length, self._huge_bytes) if stat.huge_pages else length

    def _decompress(self, payload: memoryview, page: bytearray) -> object:
        return os.preadv(self._fd, [self._aligned], 0)

    def _overheads(self) -> tuple[float, float]:
        """Mean ns to write, and to read, a page that zram neither compresses nor decompresses."""
        zero, scratch = memoryview(mmap.mmap(-1, self._page_size)), bytearray(2 * self._page_size)
        begin = thread_time_ns()
        for _ in range(_WARM_UP):
            os.pwrite(self._fd, zero, 0)
            parse_mm_stat(os.pread(self._stat_fd, 256, 0).decode())
        between = thread_time_ns()
        for _ in range(_WARM_UP):
            self._decompress(zero, scratch)
        end = thread_time_ns()
        return (between - begin) / _WARM_UP, (end - between) / _WARM_UP


def _library(name: str) -> Codec | None:
    """The algorithm outside the kernel; None where there is none, or none as fast."""
    try:
        codec = codecs.find(name)
    except GhostswapError:
        return None
    return None if codec.decompress is None else codec
