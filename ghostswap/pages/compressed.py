"""What a compressed dump unpacks to: gzip, xz, Zstandard and LZ4, by their first bytes, in bounded
memory, and never more than a limit allows.

Formats: RFC 1952 (gzip), RFC 8878 (Zstandard), the .xz file format 1.1, LZ4 frame format 1.6.
"""

import enum
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import IO, Protocol, cast

READ_BYTES = 1 << 18
# A dump is never refused for having few distinct pages; a "zip bomb" is stopped. gzip reaches
# 1,032 times its size, LZ4 255 times, xz and Zstandard tens of thousands of times.
FREE_EXPANSION_BYTES = 1 << 30
MAX_EXPANSION = 1000
# What a decoder may keep to look back into: `zstd --long=27` and `xz -9` need less.
MAX_WINDOW_BYTES = 128 << 20
_XZ_STATE_BYTES = 1 << 20  # what liblzma counts besides the window
# Padding, empty blocks and frames to be skipped unpack to nothing; a sparse file may have TiB of
# them. So much may be read, and twice as much as was unpacked.
FREE_BARREN_BYTES = 16 << 20
_MAGIC_BYTES = 8
_SKIPPABLE_HEADER_BYTES = 8
_MOST_SKIPPED = 16  # frames before the first with content


class DamageError(Exception):
    """Why bytes end before they should; what came before holds."""


class ByteStream(Protocol):
    """Bytes that come once, in order."""

    def readinto(self, into: memoryview) -> int:
        """Fill a part of `into`; returns how many bytes, 0 only at the end.

        Raises DamageError where what follows cannot be had.
        """


class Compression(enum.Enum):
    """A compressed format; the value is what its files begin with."""

    GZIP = b"\x1f\x8b\x08"
    XZ = b"\xfd7zXZ\0"
    ZSTD = b"\x28\xb5\x2f\xfd"
    LZ4 = b"\x04\x22\x4d\x18"

    @classmethod
    def of(cls, read: Callable[[int, int], bytes]) -> "Compression | None":
        """The format of the bytes that `read` (offset, length) reads.

        Zstandard and LZ4 share frames that are to be skipped, as pzstd writes one before its data;
        the frame behind them tells which of the two it is.
        """
        at = 0
        for _ in range(_MOST_SKIPPED):
            start = read(at, _MAGIC_BYTES)
            known = next((format_ for format_ in cls if start.startswith(format_.value)), None)
            if at and known in (cls.GZIP, cls.XZ):
                return None
            if known or not _is_skippable(int.from_bytes(start[:4], "little")):
                return known
            at += _SKIPPABLE_HEADER_BYTES + int.from_bytes(start[4:8], "little")
        return None


def _is_skippable(magic: int) -> bool:
    """RFC 8878, 3.1.2: frames with one of sixteen magic numbers hold nothing that is unpacked."""
    return magic & ~0xF == 0x184D2A50


def decompressed(
    packed: ByteStream, compression: Compression, max_expansion: int = MAX_EXPANSION
) -> ByteStream:
    """The bytes that `packed` unpacks to.

    They end with DamageError when there are more than FREE_EXPANSION_BYTES and more than
    `max_expansion` times as many as were unpacked.
    """
    counted = _Counted(packed)
    unpacked: ByteStream
    if compression is Compression.ZSTD:
        unpacked = _Zstandard(counted)
    else:
        unpacked = _Members(counted, _decoder(compression), compression)
    return _Limited(unpacked, counted, max_expansion)


class _Counted:
    """Reads by the block, and counts: bytes `taken`, and `given`, which they were unpacked to."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._buffer = memoryview(bytearray(READ_BYTES))
        self.taken = self.given = 0

    def read(self, size: int = READ_BYTES) -> bytes:
        if self.taken > FREE_BARREN_BYTES + 2 * self.given:
            raise DamageError("it unpacks to less than half of its size")
        got = self._stream.readinto(self._buffer[: min(size, READ_BYTES)])
        self.taken += got
        return bytes(self._buffer[:got])


class _Limited:
    def __init__(self, stream: ByteStream, packed: _Counted, max_expansion: int) -> None:
        self._stream, self._packed, self._max_expansion = stream, packed, max_expansion

    def readinto(self, into: memoryview) -> int:
        most = max(FREE_EXPANSION_BYTES, self._max_expansion * self._packed.taken)
        if self._packed.given >= most:
            raise DamageError(
                f"it unpacks to more than {self._max_expansion} times its size "
                "(--max-expansion allows more)"
            )
        got = self._stream.readinto(into[: most - self._packed.given])
        self._packed.given += got
        return got


def _damage(name: str, error: Exception) -> DamageError:
    """What a decoder complains of; none has an exception of its own for too large a window."""
    if "memory" in str(error).lower():
        return DamageError(
            f"its {name} data looks back further than {MAX_WINDOW_BYTES >> 20} MiB: unpack it to a "
            "file first"
        )
    return DamageError(f"its {name} data is damaged ({error})")


class _Decoder(Protocol):
    """One compressed member, as lzma.LZMADecompressor and its like decode it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor in the shape of the others."""

    def __init__(self) -> None:
        import zlib

        self._inflate = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        # A full buffer: more may wait inside, even when all input has been taken.
        self.needs_input = not self._inflate.unconsumed_tail and len(out) < max_length
        return out


def _decoder(compression: Compression) -> Callable[[], _Decoder]:
    if compression is Compression.GZIP:
        return _Gzip
    if compression is Compression.XZ:
        import lzma

        most = MAX_WINDOW_BYTES + _XZ_STATE_BYTES
        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=most)
    from lz4.frame import LZ4FrameDecompressor

    decoder: Callable[[], _Decoder] = LZ4FrameDecompressor
    return decoder


class _Members:
    """Members one behind the other, as `cat a.gz b.gz` makes them, unpacked as one."""

    def __init__(
        self, packed: _Counted, new: Callable[[], _Decoder], compression: Compression
    ) -> None:
        self._packed, self._new, self._name = packed, new, compression.name.lower()
        self._now = new()

    def readinto(self, into: memoryview) -> int:
        try:
            while True:
                data = b""
                if self._now.eof:
                    # Zeros behind a member are padding in .xz and from tapes.
                    data = (self._now.unused_data or b"").lstrip(b"\0")
                    while not data:
                        block = self._packed.read()
                        if not block:
                            return 0
                        data = block.lstrip(b"\0")
                    self._now = self._new()
                elif self._now.needs_input:
                    data = self._packed.read()
                    if not data:
                        raise DamageError(f"its {self._name} data is truncated")
                out = self._now.decompress(data, len(into))
                if out:
                    into[: len(out)] = out
                    return len(out)
        except (DamageError, MemoryError):
            raise
        except Exception as error:  # zlib.error, lzma.LZMAError, lz4's RuntimeError
            raise _damage(self._name, error) from None


class _Zstandard:
    """Frames one behind the other. The library does not tell a cut file from a whole one, so the
    frames are followed here too."""

    def __init__(self, packed: _Counted) -> None:
        import zstandard

        self._frames = _ZstandardFrames()
        self._failure = zstandard.ZstdError
        decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        # Not `self` as the source: the collector does not see through the library's objects, so
        # that a cycle of them would keep its window for ever.
        source = cast("IO[bytes]", _Followed(packed, self._frames))
        self._stream = decoder.stream_reader(
            source, READ_BYTES, read_across_frames=True, closefd=False
        )

    def readinto(self, into: memoryview) -> int:
        try:
            got: int = self._stream.readinto1(into)
        except self._failure as error:
            raise _damage("zstd", error) from None
        if got == 0 and not self._frames.whole:
            raise DamageError("its zstd data is truncated")
        return got


@dataclass(frozen=True, slots=True)
class _Followed:
    """What the decoder takes, looked at on its way."""

    packed: _Counted
    frames: "_ZstandardFrames"

    def read(self, size: int) -> bytes:
        data = self.packed.read(size)
        self.frames.follow(data)
        return data


# RFC 8878, 3.1.1.2: the header of a block that is not the last and has no bytes. Of all that is
# walked over, only the header of a block has this length.
_EMPTY_BLOCK = b"\0\0\0"


class _ZstandardFrames:
    """Follows frames by the lengths that their headers and blocks state (RFC 8878, 3.1)."""

    def __init__(self) -> None:
        self._between = True
        self._steps = self._walk()
        self._seen = bytearray()
        self._needed = next(self._steps)  # bytes to see, or to pass by where negative

    @property
    def whole(self) -> bool:
        """True when the last frame has come to its end."""
        return self._between and not self._seen

    def follow(self, data: bytes) -> None:
        """Take what comes next; what is no frame stops at nothing, the decoder refuses it."""
        at = 0
        while at < len(data) or self._needed == 0:
            if self._needed < 0:
                step = min(-self._needed, len(data) - at)
                self._needed += step
            elif self._at_block() and data.startswith(_EMPTY_BLOCK, at):
                # All at once: those of a sparse file may go on for ever.
                zeros = len(data) - at - len(data[at:].lstrip(b"\0"))
                step = zeros - zeros % len(_EMPTY_BLOCK)
            else:
                step = min(self._needed - len(self._seen), len(data) - at)
                self._seen += data[at : at + step]
            at += step
            if self._needed == len(self._seen):
                seen = int.from_bytes(self._seen, "little")
                self._seen.clear()
                self._needed = self._steps.send(seen)

    def _at_block(self) -> bool:
        return self._needed == len(_EMPTY_BLOCK) and not self._seen

    def _walk(self) -> Generator[int, int, None]:
        while True:
            magic = yield 4
            self._between = False
            if _is_skippable(magic):
                yield -(yield 4)
            else:
                descriptor = yield 1
                single_segment = descriptor >> 5 & 1
                dictionary_bytes = (0, 1, 2, 4)[descriptor & 3]
                size_bytes = (single_segment, 2, 4, 8)[descriptor >> 6]
                yield -(1 - single_segment + dictionary_bytes + size_bytes)
                last = 0
                while not last:
                    block = yield len(_EMPTY_BLOCK)
                    last, repeated = block & 1, block >> 1 & 3 == 1
                    yield -1 if repeated else -(block >> 3)
                yield -4 * (descriptor >> 2 & 1)  # checksum
            self._between = True
