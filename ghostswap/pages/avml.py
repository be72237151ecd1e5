"""The physical memory in a compressed AVML file (version 2), unpacked to a LiME file.

Checked against AVML's own writer (microsoft/avml, src/image.rs, src/io/snappy.rs): a header as
LiME's with magic AVML and version 2, whose end is the last byte; the bytes in Snappy's frame
format, a stream of its own for each range; then how long that stream is, in 8 bytes. Ranges have up
to 16 MiB, and those that hold zeros only are left out.
"""

import struct
from collections.abc import Iterator

from ghostswap.pages.compressed import DamageError
from ghostswap.pages.forward import Forward
from ghostswap.pages.layout import Dump
from ghostswap.pages.lime import HEADER_BYTES, build_header

MAGIC = struct.pack("<II", 0x4C4D5641, 2)
_LENGTH_BYTES = 8

# Snappy's framing_format.txt: type and length of a chunk, and what it may hold.
_STREAM_BEGINS = b"\xff\x06\x00\x00sNaPpY"
_CHUNK_HEADER_BYTES = 4
_COMPRESSED, _PLAIN, _BEGIN = 0x00, 0x01, 0xFF
_UNSKIPPABLE_FROM, _SKIPPABLE_FROM = 0x02, 0x80
_MOST_IN_CHUNK = 1 << 16
_CHECKSUM_BYTES = 4


def is_avml(dump: Dump) -> bool:
    """True when a dump is a compressed AVML file."""
    return dump.read(0, len(MAGIC)) == MAGIC


class AvmlAsLime:
    """A ByteStream: the LiME file with the memory of the AVML file that `packed` gives."""

    def __init__(self, packed: Forward) -> None:
        self._packed = packed
        self._pieces = self._unpack()
        self._piece = memoryview(b"")

    def readinto(self, into: memoryview) -> int:
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        got = min(len(into), len(self._piece))
        into[:got] = self._piece[:got]
        self._piece = self._piece[got:]
        return got

    def _unpack(self) -> Iterator[bytes]:
        while self._packed.look(self._packed.position, 1):
            header = self._take(HEADER_BYTES)
            if not header.startswith(MAGIC):
                raise DamageError("damaged AVML file: no range begins where one should")
            _, _, first, last, _ = struct.unpack("<IIQQQ", header)
            if last < first:
                raise DamageError(f"damaged AVML file: a range from {first:#x} to {last:#x}")
            yield build_header(first, last)
            missing = last - first + 1
            while missing:
                chunk = self._chunk()
                if len(chunk) > missing:
                    raise DamageError("damaged AVML file: a range is longer than its header says")
                missing -= len(chunk)
                yield chunk
            self._take(_LENGTH_BYTES)

    def _chunk(self) -> bytes:
        """What one chunk unpacks to; its checksum is verified."""
        import cramjam

        header = self._take(_CHUNK_HEADER_BYTES)
        kind, length = header[0], int.from_bytes(header[1:], "little")
        if _UNSKIPPABLE_FROM <= kind < _SKIPPABLE_FROM:
            raise DamageError(f"its Snappy data is damaged: a chunk of unknown type {kind:#x}")
        body = self._take(length)
        if kind not in (_COMPRESSED, _PLAIN):
            return b""  # the beginning of a stream, or padding
        if _unpacked_bytes(kind, body) > _MOST_IN_CHUNK:
            raise DamageError("its Snappy data is damaged: a chunk of more than 64 KiB")
        try:
            return bytes(cramjam.snappy.decompress(_STREAM_BEGINS + header + body))
        except cramjam.DecompressionError as error:
            raise DamageError(f"its Snappy data is damaged ({error})") from None

    def _take(self, length: int) -> bytes:
        data = bytearray(length)
        if self._packed.readinto(memoryview(data)) < length:
            raise DamageError(self._packed.damage or "the AVML file is truncated")
        return bytes(data)


def _unpacked_bytes(kind: int, body: bytes) -> int:
    """How much a chunk says it unpacks to, without unpacking it: a varint behind the checksum."""
    if kind == _PLAIN:
        return len(body) - _CHECKSUM_BYTES
    size = 0
    for place, octet in enumerate(body[_CHECKSUM_BYTES : _CHECKSUM_BYTES + 5]):
        size |= (octet & 0x7F) << 7 * place
        if octet < 0x80:
            break
    return size
