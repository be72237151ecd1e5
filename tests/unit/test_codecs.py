"""What decides how a page is compressed besides the algorithm's name."""

from pathlib import Path

from ghostswap.census.codecs import find
from ghostswap.kernel.version import KernelVersion

PAGE = 4096


def compressed_bytes(version: KernelVersion | None) -> int:
    text = bytearray(Path(__file__).parents[2].joinpath("ghostswap/cli/plan.py").read_bytes())
    codec, scratch = find("zstd", version), bytearray(2 * PAGE)
    pages = (text[at : at + PAGE] for at in range(0, len(text) - PAGE, PAGE))
    return sum(codec.compress(memoryview(page), scratch) for page in pages)


def test_zstd_of_6_1_finds_fewer_matches() -> None:
    assert compressed_bytes(KernelVersion(6, 1)) > compressed_bytes(KernelVersion(6, 12))
    assert compressed_bytes(KernelVersion(6, 12)) == compressed_bytes(None)
