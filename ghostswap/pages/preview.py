"""How a page begins: read again from its source, if it is still the page that was hashed."""

import mmap

import xxhash

from ghostswap.errors import GhostswapError
from ghostswap.pages.source import Source, Stream

_PREVIEW_BYTES = 32


def preview(source: Source | Stream, page: int, page_size: int, digest: int, seed: int) -> bytes:
    """The first 32 bytes of page number `page`; empty when it is gone or is another content now.

    `digest` is the page's XXH3-64 under `seed`.
    """
    if not isinstance(source, Source):
        return b""  # its pages came once
    into = memoryview(mmap.mmap(-1, page_size))
    try:
        reader = source.open()
        try:
            readable = reader.read(page, 1, into)
        finally:
            reader.close()
    except GhostswapError:
        return b""
    if not readable.all() or xxhash.xxh3_64_intdigest(into, seed) != digest:
        return b""
    return bytes(into[:_PREVIEW_BYTES])
