"""What decides how a page is compressed besides the algorithm's name."""

import random

from ghostswap.census.codecs import find
from ghostswap.kernel.version import KernelVersion

PAGE = 4096


def compressed_bytes(version: KernelVersion | None) -> int:
    """What pages that are full of matches of four bytes, and of no longer ones, come to."""
    draw = random.Random(5)
    words = [draw.randbytes(4) for _ in range(64)]
    codec, scratch = find("zstd", version), bytearray(2 * PAGE)
    pages = [
        bytearray(b"".join(draw.choice(words) + draw.randbytes(3) for _ in range(PAGE // 7)))
        for _ in range(20)
    ]
    return sum(codec.compress(memoryview(page), scratch) for page in pages)


def test_zstd_of_6_1_finds_fewer_matches() -> None:
    assert compressed_bytes(KernelVersion(6, 1)) > compressed_bytes(KernelVersion(6, 12))
    assert compressed_bytes(KernelVersion(6, 12)) == compressed_bytes(None)
