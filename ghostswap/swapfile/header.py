"""What does a swap header say: reads and builds the first page of an area, from and to bytes."""

import enum
import re
import struct
import sys
from dataclasses import dataclass
from uuid import uuid4

from ghostswap.kernel.geometry import MAGIC_BYTES, PAGE_SIZES, SWAPSPACE2
from ghostswap.swapfile.layout import (
    Endianness,
    layout,
    max_badpages,
)

NATIVE = Endianness(sys.byteorder)
LABEL_BYTES = 15
"""Bytes; the volume field has 16, the last of which mkswap and libblkid want to be NUL."""
NIL_UUID = bytes(16)

_VERSION_AT = 1024
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Signature(enum.Enum):
    """What the last ten bytes of a page say about the area."""

    SWAP = SWAPSPACE2
    OLD = b"SWAP-SPACE"  # version 0: the kernel refuses it since 2.5
    # A hibernation image overwrites only the signature: the swap header stays below it.
    S1SUSPEND = b"S1SUSPEND"  # kernel/power/swap.c, HIBERNATE_SIG
    S2SUSPEND = b"S2SUSPEND"
    ULSUSPEND = b"ULSUSPEND"  # uswsusp
    LINHIB = b"LINHIB0001"  # later kernel/power/swap.c
    TUXONICE = b"\xed\xc3\x02\xe9\x98\x56\xe5\x0c"

    @property
    def hibernation(self) -> bool:
        """True for the image of a suspended system, which holds what must not be lost."""
        return self not in (Signature.SWAP, Signature.OLD)


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of a swap header, in pages of `page_size` bytes.

    `last_page` is the number of the area's last page; page 0 is the header itself, so it is also
    how many pages the area offers when none is bad. `bad_pages` has as many entries as fit where
    `nr_badpages` claims more. `volume` is the raw label field.
    """

    version: int
    last_page: int
    nr_badpages: int
    bad_pages: tuple[int, ...]
    uuid: bytes
    volume: bytes
    page_size: int
    endianness: Endianness
    signature: Signature = Signature.SWAP

    @property
    def label(self) -> str:
        """The label up to its NUL; bytes that are no UTF-8 are written as backslash escapes."""
        return self.volume.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")

    @property
    def pages(self) -> int:
        """Pages of the area that the header describes, itself included."""
        return self.last_page + 1

    @property
    def size_bytes(self) -> int:
        """Bytes of the area that the header describes, itself included."""
        return self.pages * self.page_size

    @property
    def usable_bytes(self) -> int:
        """Bytes that the area offers to swap: all but the header page and the bad ones."""
        return (self.last_page - self.nr_badpages) * self.page_size


def find_signature(data: bytes) -> tuple[Signature, int] | None:
    """The signature in the first bytes of an area, and the page size its place implies.

    Of several the one of the smallest page size counts, as for libblkid: mkswap leaves an older
    signature at a larger page's end standing, but clears those before its own.
    """
    for page_size in PAGE_SIZES:
        tail = data[page_size - MAGIC_BYTES : page_size]
        for signature in Signature:
            if len(tail) == MAGIC_BYTES and tail.startswith(signature.value):
                return signature, page_size
    return None


def find_header(data: bytes) -> Header | None:
    """The header in the first 64 KiB of an area; None where there is no signature."""
    signature_and_size = find_signature(data)
    if signature_and_size is None:
        return None
    signature, page_size = signature_and_size
    return parse(data[:page_size], signature)


def parse(page: bytes, signature: Signature = Signature.SWAP) -> Header:
    """The fields of a header page, whatever they hold; its length is the page size.

    Version 1 read in one of the two byte orders tells which one it is, as in read_swap_header()
    (mm/swapfile.c, v6.18); a header of any other version is read in this machine's.
    """
    page_size = len(page)
    endianness = _endianness(page)
    order = "<" if endianness is Endianness.LITTLE else ">"
    (nr_badpages,) = struct.unpack_from(f"{order}I", page, _VERSION_AT + 8)
    fields = layout(page_size, endianness, min(nr_badpages, max_badpages(page_size))).parse(page)
    return Header(
        version=fields.version,
        last_page=fields.last_page,
        nr_badpages=fields.nr_badpages,
        bad_pages=tuple(fields.bad_pages),
        uuid=fields.uuid,
        volume=fields.volume,
        page_size=page_size,
        endianness=endianness,
        signature=signature,
    )


def build(header: Header) -> bytes:
    """The header page, `header.page_size` bytes long, as mkswap writes it."""
    fields = {
        "version": header.version,
        "last_page": header.last_page,
        "nr_badpages": header.nr_badpages,
        "uuid": header.uuid,
        "volume": header.volume,
        "bad_pages": list(header.bad_pages),
        "magic": header.signature.value.ljust(MAGIC_BYTES, b"\0"),
    }
    page: bytes = layout(header.page_size, header.endianness, len(header.bad_pages)).build(fields)
    return page


def encode_label(text: str) -> bytes:
    """`text` as the volume field holds it. Raises ValueError when it does not fit in 15 bytes."""
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:  # bytes of the command line that were no text
        raise ValueError("not UTF-8") from None
    if len(encoded) > LABEL_BYTES:
        raise ValueError(f"{len(encoded)} bytes in UTF-8, {LABEL_BYTES} fit")
    if b"\0" in encoded:
        raise ValueError("a label cannot hold a NUL")
    return encoded.ljust(16, b"\0")


def parse_uuid(text: str) -> bytes:
    """The sixteen bytes of a UUID in the form 8-4-4-4-12, or of the words `random` and `nil`.

    Raises ValueError on anything else.
    """
    if text == "random":
        return uuid4().bytes
    if text == "nil":
        return NIL_UUID
    if not _UUID.fullmatch(text):
        raise ValueError("not a UUID; it has the form 8-4-4-4-12, or is random or nil")
    return bytes.fromhex(text.replace("-", ""))


def format_uuid(uuid: bytes) -> str:
    """Sixteen bytes in the usual form, 8-4-4-4-12 lower-case hexadecimal digits."""
    digits = uuid.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _endianness(page: bytes) -> Endianness:
    for endianness in Endianness:
        if int.from_bytes(page[_VERSION_AT : _VERSION_AT + 4], endianness.value) == 1:
            return endianness
    return NATIVE
