"""Where on its devices does btrfs keep a file: the chunks, their profiles, and the devices."""

import bisect
import fcntl
import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ghostswap.kernel.ioctls import (
    BTRFS_CHUNK,
    BTRFS_FS_INFO,
    BTRFS_IOC_FS_INFO,
    BTRFS_IOC_SPACE_INFO,
    BTRFS_IOC_TREE_SEARCH_V2,
    BTRFS_SEARCH_HEADER,
    BTRFS_SEARCH_KEY,
    BTRFS_SPACE_ARGS,
    BTRFS_SPACE_INFO,
    BTRFS_STRIPE,
)

_CHUNK_TREE = 3
_FIRST_CHUNK_OBJECT = 256
_CHUNK_ITEM = 228
_BLOCK_GROUP_DATA = 0x1
_PROFILE_MASK = 0x7F8  # RAID0, RAID1, DUP, RAID10, RAID5, RAID6, RAID1C3, RAID1C4
_SEARCH_ROOM = 1 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of the file system's address space, in bytes: one profile, one first device."""

    start: int
    length: int
    redundant: bool
    device: int

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Volume:
    """What one may know of a btrfs: `chunks`, by address, is None for those who are not root.

    `profiles` tells of each kind of data block group whether it has any RAID or DUP bit.
    """

    chunks: Sequence[Chunk] | None
    profiles: frozenset[bool]
    devices: int

    def chunks_below(self, start: int, end: int) -> Iterator[Chunk]:
        """The known chunks that hold the addresses from `start` up to `end`."""
        chunks = self.chunks or ()
        first = bisect.bisect_right(chunks, start, key=lambda chunk: chunk.end)
        return itertools.takewhile(
            lambda chunk: chunk.start < end, itertools.islice(chunks, first, None)
        )


def volume_of(fd: int) -> Volume:
    """The data profiles, devices and chunks of the btrfs of an open file. Raises OSError."""
    (_, devices) = BTRFS_FS_INFO.unpack(
        fcntl.ioctl(fd, BTRFS_IOC_FS_INFO, bytes(BTRFS_FS_INFO.size))
    )
    try:
        chunks = tuple(_chunks(fd))
    except PermissionError:
        chunks = None
    return Volume(chunks, frozenset(_data_profiles(fd)), devices)


def _data_profiles(fd: int) -> Iterator[bool]:
    count = bytearray(BTRFS_SPACE_ARGS.size)
    fcntl.ioctl(fd, BTRFS_IOC_SPACE_INFO, count)  # without room it answers how many there are
    spaces = BTRFS_SPACE_ARGS.unpack(count)[1]
    request = bytearray(BTRFS_SPACE_ARGS.size + spaces * BTRFS_SPACE_INFO.size)
    BTRFS_SPACE_ARGS.pack_into(request, 0, spaces, 0)
    fcntl.ioctl(fd, BTRFS_IOC_SPACE_INFO, request)
    for flags, _, _ in BTRFS_SPACE_INFO.iter_unpack(request[BTRFS_SPACE_ARGS.size :]):
        if flags & _BLOCK_GROUP_DATA:
            yield bool(flags & _PROFILE_MASK)


def _chunks(fd: int) -> Iterator[Chunk]:
    """The chunk tree, by address. Raises PermissionError without CAP_SYS_ADMIN."""
    start = 0
    while True:
        request = bytearray(BTRFS_SEARCH_KEY.size + 8 + _SEARCH_ROOM)
        everything = 2**64 - 1
        BTRFS_SEARCH_KEY.pack_into(
            request,
            0,
            *(_CHUNK_TREE, _FIRST_CHUNK_OBJECT, _FIRST_CHUNK_OBJECT, start, everything),
            *(0, everything, _CHUNK_ITEM, _CHUNK_ITEM, 2**32 - 1, 0),
        )
        struct.pack_into("=Q", request, BTRFS_SEARCH_KEY.size, _SEARCH_ROOM)
        fcntl.ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, request)
        items = BTRFS_SEARCH_KEY.unpack_from(request)[9]
        if not items:
            return
        at = BTRFS_SEARCH_KEY.size + 8
        for _ in range(items):
            _, _, address, _, size = BTRFS_SEARCH_HEADER.unpack_from(request, at)
            at += BTRFS_SEARCH_HEADER.size
            length, _, _, kind, *_ = BTRFS_CHUNK.unpack_from(request, at)
            device, _ = BTRFS_STRIPE.unpack_from(request, at + BTRFS_CHUNK.size)
            yield Chunk(address, length, bool(kind & _PROFILE_MASK), device)
            at += size
            start = address + 1
