"""The salt of a census: a secret key that turns hashes of contents into others that tell nothing.

SipHash-2-4 (Aumasson and Bernstein, 2012) of the unsalted hash, for many contents at once: a
pseudorandom function, so without its key the salted hashes cannot be told from random numbers, and
nobody can test whether a known page was there. Equal contents have equal hashes under equal keys.
"""

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ghostswap.census.table import U64
from ghostswap.errors import GhostswapError, os_reason

FEWEST_KEY_BYTES = 32
_MOST_KEY_BYTES = 4096
_PRIVATE = 0o600
# A batch whose six arrays stay in the second-level cache.
_AT_ONCE = 1 << 14
# The last block of a message of 8 bytes: its length in the highest byte.
_LENGTH_BLOCK = np.uint64(8 << 56)


@dataclass(frozen=True, slots=True)
class Salt:
    """A secret key; censuses that have the same one can be compared with each other."""

    key: bytes

    @classmethod
    def random(cls) -> "Salt":
        """A key that nobody will ever know: such a census can be compared with no other."""
        return cls(secrets.token_bytes(FEWEST_KEY_BYTES))

    @property
    def fingerprint(self) -> str:
        """Tells whether two salts are the same, and nothing of the key."""
        return hashlib.blake2b(b"", key=self._short(64), digest_size=8).hexdigest()

    def hashes(self, digests: U64) -> U64:
        """The salted hash of each content, from its unsalted one."""
        words = np.frombuffer(self._short(16), dtype="<u8").astype(np.uint64)
        salted = np.empty_like(digests)
        for first in range(0, len(digests), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            salted[part] = _siphash_2_4(words[0], words[1], digests[part])
        return salted

    def _short(self, size: int) -> bytes:
        """A key of `size` bytes, whatever the length of the file it came from."""
        person = b"ghostswap.salt/2"
        return hashlib.blake2b(self.key, digest_size=size, person=person).digest()


def _siphash_2_4(key0: np.uint64, key1: np.uint64, message: U64) -> U64:
    """SipHash-2-4 of each 8-byte message under one key of 16 bytes, little-endian throughout."""
    v0 = np.full_like(message, key0 ^ np.uint64(0x736F6D6570736575))
    v1 = np.full_like(message, key1 ^ np.uint64(0x646F72616E646F6D))
    v2 = np.full_like(message, key0 ^ np.uint64(0x6C7967656E657261))
    v3 = message ^ (key1 ^ np.uint64(0x7465646279746573))
    spare = np.empty_like(message)

    def rotate(value: U64, bits: int) -> None:
        np.right_shift(value, np.uint64(64 - bits), out=spare)
        np.left_shift(value, np.uint64(bits), out=value)
        np.bitwise_or(value, spare, out=value)

    def rounds(number: int) -> None:
        nonlocal v0, v1, v2, v3
        for _ in range(number):
            v0 += v1
            rotate(v1, 13)
            v1 ^= v0
            rotate(v0, 32)
            v2 += v3
            rotate(v3, 16)
            v3 ^= v2
            v0 += v3
            rotate(v3, 21)
            v3 ^= v0
            v2 += v1
            rotate(v1, 17)
            v1 ^= v2
            rotate(v2, 32)

    rounds(2)
    v0 ^= message
    v3 ^= _LENGTH_BLOCK
    rounds(2)
    v0 ^= _LENGTH_BLOCK
    v2 ^= np.uint64(0xFF)
    rounds(4)
    v0 ^= v1
    v0 ^= v2
    v0 ^= v3
    return v0


def read_salt(path: Path) -> Salt:
    """The key in the file at `path`; GhostswapError where others may read it, or it is short."""
    try:
        # Not waiting for the writer of a FIFO.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                raise GhostswapError(path, "is no regular file, so no key is read from it")
            if facts.st_mode & 0o077:
                mode = stat.S_IMODE(facts.st_mode)
                raise GhostswapError(path, f"others may use this key (mode {mode:04o}): chmod 600")
            key = os.read(fd, _MOST_KEY_BYTES + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None
    if not FEWEST_KEY_BYTES <= len(key) <= _MOST_KEY_BYTES:
        length = f"from {FEWEST_KEY_BYTES} to {_MOST_KEY_BYTES} bytes"
        raise GhostswapError(path, f"a key has {length}; make one with --new-salt-file")
    return Salt(key)


def new_salt(path: Path) -> Salt:
    """A fresh key, written to a file of its own (0600); GhostswapError where `path` exists."""
    salt = Salt.random()
    try:
        fd = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE
        )
        try:
            with os.fdopen(fd, "wb") as file:
                os.fchmod(fd, _PRIVATE)  # whatever the umask
                file.write(salt.key)
                file.flush()
                os.fsync(fd)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None
    return salt
