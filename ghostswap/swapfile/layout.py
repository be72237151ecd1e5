"""Where each field of a swap header stands: `union swap_header` of include/linux/swap.h (v6.18)."""

import enum
from functools import cache

from construct import Array, Bytes, Int32ub, Int32ul, Padding, Struct

from ghostswap.kernel.geometry import MAGIC_BYTES

BAD_PAGES_AT = 1536
"""Bytes; where the list of bad pages begins, and so the header without it ends."""

UUID_AT, VOLUME_AT = 1036, 1052
"""Bytes; where the UUID and the label stand, in sixteen bytes each."""


class Endianness(enum.Enum):
    """The byte order of the header's numbers."""

    LITTLE = "little"
    BIG = "big"


def max_badpages(page_size: int) -> int:
    """How many bad pages a header can list: MAX_SWAP_BADPAGES (include/linux/swap.h, v6.18)."""
    return (page_size - BAD_PAGES_AT - MAGIC_BYTES) // 4


@cache
def layout(page_size: int, endianness: Endianness, listed: int) -> Struct:
    """The header page as fields, of which `listed` entries of the bad-page list are in use."""
    u32 = Int32ul if endianness is Endianness.LITTLE else Int32ub
    unused = page_size - MAGIC_BYTES - BAD_PAGES_AT - 4 * listed
    return Struct(
        "bootbits" / Padding(1024),  # left to boot loaders; the kernel does not look
        "version" / u32,
        "last_page" / u32,
        "nr_badpages" / u32,
        "uuid" / Bytes(16),
        "volume" / Bytes(16),
        "padding" / Padding(4 * 117),
        "bad_pages" / Array(listed, u32),
        Padding(unused),
        "magic" / Bytes(MAGIC_BYTES),
    )
