"""Bytes that can be read once, in order, with a look ahead at their beginning."""

import os
import weakref

from ghostswap.errors import os_reason
from ghostswap.pages.compressed import ByteStream, DamageError

# Headers of a dump come first and are small: 56 bytes for each of a million segments, and notes.
MAX_AHEAD_BYTES = 80 << 20
_STEP_BYTES = 1 << 20


class Descriptor:
    """What an open file or pipe gives, from where it stands."""

    def __init__(self, fd: int, *, closes: bool = False) -> None:
        """`closes` when it is to close `fd` at its own end."""
        self._fd = fd
        if closes:
            weakref.finalize(self, os.close, fd)

    def readinto(self, into: memoryview) -> int:
        try:
            return os.readv(self._fd, [into])
        except OSError as error:
            raise DamageError(f"reading it failed: {os_reason(error)}") from None


class _Nothing:
    def readinto(self, into: memoryview) -> int:
        return 0


class Forward:
    """A ByteStream that knows where it stands and fills buffers whole.

    `damage` says why it ended, where that is not its own end.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._ahead, self._taken = bytearray(), 0  # looked at; of that, read since
        self.position = 0
        self.damage: str | None = None

    @classmethod
    def ended(cls) -> "Forward":
        """One that gives nothing."""
        return cls(_Nothing())

    def look(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, which stay to be read; none beyond MAX_AHEAD_BYTES."""
        start = offset - self.position
        if start < 0 or start + length > MAX_AHEAD_BYTES:
            return b""
        start += self._taken
        while (missing := start + length - len(self._ahead)) > 0:
            more = bytearray(min(missing, _STEP_BYTES))
            got = self._fill(memoryview(more))
            self._ahead += more[:got]
            if got < len(more):
                break
        return bytes(self._ahead[start : start + length])

    def readinto(self, into: memoryview) -> int:
        """Fill `into`; returns how many bytes came, fewer only at the end."""
        known = min(len(into), len(self._ahead) - self._taken)
        into[:known] = memoryview(self._ahead)[self._taken : self._taken + known]
        self._taken += known
        if self._taken == len(self._ahead):
            self._ahead, self._taken = bytearray(), 0
        got = known + self._fill(into[known:])
        self.position += got
        return got

    def skip_to(self, offset: int) -> bool:
        """Pass by what comes before `offset`; False where the end comes first."""
        if offset < self.position:
            raise ValueError("its parts are not in order: write it to a file first")
        waste = memoryview(bytearray(min(offset - self.position, _STEP_BYTES)))
        while self.position < offset:
            if not self.readinto(waste[: offset - self.position]):
                return False
        return True

    def _fill(self, into: memoryview) -> int:
        done = 0
        try:
            while self.damage is None and done < len(into):
                got = self._stream.readinto(into[done:])
                if got == 0:
                    break
                done += got
        except DamageError as damage:
            self.damage = str(damage)
        return done
