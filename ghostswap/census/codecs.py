"""The compressors, by the kernel's names for them, called as the kernel calls them: a page each."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ghostswap.census import models
from ghostswap.census.models import Lengths
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.rules import crypto_zstd_parameters
from ghostswap.kernel.version import KernelVersion

if TYPE_CHECKING:
    from zstandard import ZstdCompressor

Compress = Callable[[memoryview, bytearray], int]
Decompress = Callable[[memoryview, bytearray], object]

_LZ4HC_LEVEL = 9  # LZ4HC_DEFAULT_CLEVEL
_ZSTD_LEVEL = 3  # zstd_default_clevel()
_ZSTD_LEVELS = range(-5, 23)
_DEFLATE_LEVEL, _DEFLATE_WINDOW_BITS, _DEFLATE_MEMORY_LEVEL = 6, 11, 8


@dataclass(frozen=True, slots=True)
class Codec:
    """One compressor: `compress(page, scratch)` gives the payload's length in bytes and leaves the
    payload at the start of `scratch`; `decompress(payload, page)` restores the page. Where there is
    a model of the kernel's own, `lengths` is that of many pages; `compress` is then called to know
    how long it takes.

    `relative_error` bounds how far compressed bytes over many pages may be from the kernel's own,
    as measured against zram (a fraction). Without `decompress`, only lengths are worked out: the
    time that it takes is ours and not the algorithm's. The overheads are what a call takes besides
    the algorithm's own work, in ns. Where `slow`, a page takes so long that a sample should do.
    """

    name: str
    compress: Compress
    decompress: Decompress | None
    relative_error: float
    compress_overhead_ns: float = 0.0
    decompress_overhead_ns: float = 0.0
    variant: Variant = Variant.ZRAM
    slow: bool = False
    lengths: Lengths | None = None


def find(name: str, version: KernelVersion | None = None) -> Codec:
    """The codec called `name`, such as lz4, zstd or zstd:9, as the kernel of `version` has it (by
    default, as those of today).

    UsageError when there is none, GhostswapError when its library is not installed.
    """
    kind, colon, level = name.partition(":")
    if kind == "zstd":
        level_number = _level(name, level) if colon else _ZSTD_LEVEL
        # The crypto API leaves no choice of level.
        in_crypto = (
            version is not None and crypto_zstd_parameters(version) and level_number == _ZSTD_LEVEL
        )
        return _zstd_in_crypto(name) if in_crypto else _zstd(name, level_number)
    maker = _MAKERS.get(name)
    if maker is None:
        names = ", ".join([*_MAKERS, "zstd[:LEVEL]"])
        more = "; --engine kernel has all of this kernel's"
        raise UsageError("--algorithm", f"no library has {name!r}; there are {names}{more}")
    return maker()


def zstd_of_zswap() -> Codec:
    """zstd of the default level as zswap of 6.12 to 6.16 calls it."""
    return replace(_zstd_in_crypto("zstd"), variant=Variant.IN_CRYPTO)


def _level(name: str, text: str) -> int:
    try:
        level = int(text)
    except ValueError:
        level = -99
    if level not in _ZSTD_LEVELS:
        first, last = _ZSTD_LEVELS[0], _ZSTD_LEVELS[-1]
        raise UsageError("--algorithm", f"{name!r}: a zstd level is a number {first} … {last}")
    return level


def scratch_bytes(page_size: int) -> int:
    """Room for the payload of a page that grows: the kernel gives its compressors two pages."""
    return 2 * page_size


def _lz4() -> Codec:
    # lib/lz4/lz4_compress.c, LZ4_compress_fast() with acceleration 1: the one-shot block path, the
    # same as the library's here but for its end. Against Linux 6.18 zram the library is off by
    # 0.005 % of compr_data_size, the model by nothing.
    from cramjam import lz4

    compress = partial(lz4.compress_block_into, store_size=False)
    model = models.load("lz4")
    error = 0.0002 if model is None else 0.0
    return Codec("lz4", compress, _lz4_decompressor(), relative_error=error, lengths=model)


def _lz4hc() -> Codec:
    # lib/lz4/lz4hc_compress.c, LZ4_compress_HC(). (cramjam takes no notice of its mode argument.)
    from lz4 import block

    def compress(page: memoryview, scratch: bytearray) -> int:
        payload = block.compress(
            page, mode="high_compression", compression=_LZ4HC_LEVEL, store_size=False
        )
        scratch[: len(payload)] = payload
        return len(payload)

    return Codec("lz4hc", compress, _lz4_decompressor(), relative_error=0.003)


def _lz4_decompressor() -> Decompress:
    from cramjam import lz4

    def decompress(payload: memoryview, page: bytearray) -> object:
        return lz4.decompress_block_into(payload, page, output_len=len(page))

    return decompress


def _zstd(name: str, level: int) -> Codec:
    # drivers/block/zram/backend_zstd.c: zstd_get_params(level, PAGE_SIZE), content size in the
    # frame, no checksum: what the library does for input of a known size.
    import zstandard

    return _zstd_by(name, zstandard.ZstdCompressor(level=level), relative_error=0.0002)


def _zstd_in_crypto(name: str) -> Codec:
    # crypto/zstd.c until 6.16: zstd_get_params(3, 0), those for input of any length, which find no
    # match of four bytes. Against zram of Linux 6.1.192: 0.03 % of compr_data_size.
    import zstandard

    parameters = zstandard.ZstdCompressionParameters.from_level(_ZSTD_LEVEL)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    return _zstd_by(name, compressor, relative_error=0.001)


def _zstd_by(name: str, compressor: "ZstdCompressor", relative_error: float) -> Codec:
    import zstandard

    decompressor = zstandard.ZstdDecompressor()

    def compress(page: memoryview, scratch: bytearray) -> int:
        payload = compressor.compress(page)
        scratch[: len(payload)] = payload
        return len(payload)

    def decompress(payload: memoryview, page: bytearray) -> object:
        return decompressor.decompress(payload, max_output_size=len(page))

    return Codec(name, compress, decompress, relative_error)


def _lzo() -> Codec:
    from ghostswap.census import liblzo

    library = liblzo.load()
    if library is None:
        raise GhostswapError(
            "--algorithm lzo", "needs the library liblzo2 (Debian: apt install liblzo2-2)"
        )
    return Codec("lzo", library.compress, library.decompress, relative_error=0.0002)


def _lzo_rle() -> Codec:
    from ghostswap.census import lzorle

    def in_python(page: memoryview, scratch: bytearray) -> int:
        return lzorle.compressed_bytes(page)

    model = models.load("lzo-rle")
    return Codec("lzo-rle", in_python, None, relative_error=0.0, slow=model is None, lengths=model)


def _deflate() -> Codec:
    # drivers/block/zram/backend_deflate.c and crypto/deflate.c: raw, a window of 2 KiB.
    import zlib

    def compress(page: memoryview, scratch: bytearray) -> int:
        stream = zlib.compressobj(
            _DEFLATE_LEVEL, zlib.DEFLATED, -_DEFLATE_WINDOW_BITS, _DEFLATE_MEMORY_LEVEL
        )
        payload = stream.compress(page) + stream.flush()
        scratch[: len(payload)] = payload
        return len(payload)

    def decompress(payload: memoryview, page: bytearray) -> object:
        return zlib.decompress(payload, -_DEFLATE_WINDOW_BITS, len(page))

    return Codec("deflate", compress, decompress, relative_error=0.004)


_MAKERS: dict[str, Callable[[], Codec]] = {
    "lz4": _lz4,
    "lz4hc": _lz4hc,
    "lzo": _lzo,
    "lzo-rle": _lzo_rle,
    "deflate": _deflate,
}
NAMES = (*_MAKERS, "zstd")
# As /sys/block/zram0/comp_algorithm has them, with a level, and measured beside a library.
_KNOWN = re.compile(rf"({'|'.join(NAMES)}|842)(:-?[0-9]{{1,7}})?({'|'.join(Variant)})")


def is_known(name: str) -> bool:
    """Whether a census may hold sizes by an algorithm of that name: one of ours or of zram's, with
    its level, @kernel where zram measured it, and @crypto for zswap's zstd of 6.12 to 6.16."""
    return bool(_KNOWN.fullmatch(name))
