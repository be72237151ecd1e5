"""The salt: SipHash-2-4 as its authors publish it, and keys that nobody else may read."""

import os
from pathlib import Path

import numpy as np
import pytest

from ghostswap.census.salt import Salt, _siphash_2_4, new_salt, read_salt
from ghostswap.errors import GhostswapError


def test_it_is_siphash_2_4() -> None:
    """The reference vector of 8 bytes, 00 … 07, under the key 00 … 0f (vectors.h)."""
    key = np.frombuffer(bytes(range(16)), dtype="<u8").astype(np.uint64)
    message = np.frombuffer(bytes(range(8)), dtype="<u8").astype(np.uint64)
    assert int(_siphash_2_4(key[0], key[1], message)[0]) == 0x93F5F5799A932462


def test_a_hash_depends_on_the_key_and_on_no_neighbour() -> None:
    digests = np.random.default_rng(1).integers(0, 1 << 63, 40_000, dtype=np.uint64)
    salt = Salt(b"one" * 11)
    salted = salt.hashes(digests)
    assert len(np.unique(salted)) == len(digests)
    assert (salt.hashes(digests[:20_000]) == salted[:20_000]).all()
    assert not set(Salt(b"two" * 11).hashes(digests).tolist()) & set(salted.tolist())
    assert salt.fingerprint == Salt(b"one" * 11).fingerprint != Salt(b"two" * 11).fingerprint


def test_a_key_is_private_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    salt = new_salt(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_salt(path) == salt
    with pytest.raises(GhostswapError, match="exists"):
        new_salt(path)
    path.chmod(0o640)
    with pytest.raises(GhostswapError, match="others may use this key"):
        read_salt(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(GhostswapError, match="32"):
        read_salt(path)
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(GhostswapError, match="no regular file"):
        read_salt(tmp_path / "fifo")
