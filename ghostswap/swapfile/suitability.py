"""Can a file on this file system carry swap: what the kernel says of its place on disk, and why.

Judged from how the file lies (placement.py) by the rules of swapon(2), v6.18: the checks of
mm/swapfile.c on the mapping, iomap_swapfile_activate() (fs/iomap/swapfile.c: ext4, xfs),
btrfs_swap_activate() (fs/btrfs/inode.c), generic_swapfile_activate() (mm/page_io.c: the rest).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ghostswap.kernel.geometry import refuses_large_blocks
from ghostswap.kernel.ioctls import FS_COMPR_FL, FS_ENCRYPT_FL, FS_NOCOW_FL, ExtentFlag
from ghostswap.kernel.version import KernelVersion
from ghostswap.swapfile.btrfs import Volume
from ghostswap.swapfile.ioctls import Extent
from ghostswap.swapfile.placement import Placement

# File systems whose address space has no read_folio: swapon(2) gives up before the header.
_NEVER = frozenset({"tmpfs", "devtmpfs", "hugetlbfs", "overlay", "proc", "sysfs", "zfs"})
_IOMAP = frozenset({"ext2", "ext3", "ext4", "xfs"})
# Writable ones with neither swap_activate nor bmap in their address_space_operations (fs/, 6.12);
# virtiofs and FUSE have bmap, which answers 0 unless a block device is below (fuse_bmap()).
_NO_BLOCKS = frozenset(
    {
        *("9p", "afs", "bcachefs", "ceph", "coda", "hostfs", "jffs2", "nilfs2", "orangefs"),
        *("ramfs", "ubifs", "vboxsf"),
        *("fuse", "virtiofs"),
    }
)
# With bmap, by generic_swapfile_activate(); or by swap_activate, which looks at st_blocks alone.
_BMAP = frozenset(
    {
        *("adfs", "affs", "bfs", "ecryptfs", "exfat", "fuseblk", "gfs2", "hfs", "hfsplus", "hpfs"),
        *("jfs", "minix", "msdos", "ntfs3", "ocfs2", "omfs", "reiserfs", "sysv", "udf", "ufs"),
        "vfat",
    }
)
_BY_BLOCKS = frozenset({"nfs", "nfs4", "cifs", "smb3"})
_JUDGED = _NEVER | _IOMAP | _NO_BLOCKS | _BMAP | _BY_BLOCKS | {"btrfs", "f2fs"}

_ELSEWHERE = "put it on ext4, xfs or btrfs"
_ANEW = "make a new file: btrfs filesystem mkswapfile, or chattr +C on a still empty one"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why the kernel refuses a file, in its words where it logs any, and the fix.

    A `fixable` one can be fixed in place without a change to the content (fix.py).
    """

    reason: str
    fix: str
    fixable: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a file without blocks, in bytes."""

    logical: int
    length: int


def mapping_obstacles(
    placement: Placement, page_size: int, version: KernelVersion
) -> Iterator[Obstacle]:
    """What stands in the way of any swap file here, a ghost too: checked before the header."""
    filesystem = placement.mount.filesystem if placement.mount else ""
    if placement.flags & FS_ENCRYPT_FL:
        yield Obstacle(
            "the file is encrypted by its file system (fscrypt)",
            "put it outside of the encrypted directory",
        )
    large = placement.block_size > page_size and filesystem in ("ext4", "xfs", "btrfs")
    if large and refuses_large_blocks(version):
        yield Obstacle(
            f"its file system has blocks of {placement.block_size} bytes, larger than a page",
            f"use one with blocks of {page_size} bytes",
        )
    if filesystem in _NEVER:
        yield Obstacle(f"files on {filesystem} cannot be swapped to", _ELSEWHERE)


def extent_obstacles(placement: Placement, page_size: int) -> list[Obstacle]:
    """What the file system says of the file's blocks, each reason once, as the kernel meets them.

    Not asked for a ghost by a kernel that takes it for one.
    """
    filesystem = placement.mount.filesystem if placement.mount else ""
    if filesystem == "btrfs":
        obstacles = _btrfs(placement)
    elif filesystem in _IOMAP:
        obstacles = _iomap(placement, page_size)
    elif filesystem == "f2fs":
        obstacles = _f2fs(placement)
    else:
        obstacles = _other(placement, filesystem)
    return list(dict.fromkeys(obstacles))


def unknowns(placement: Placement) -> Iterator[str]:
    """What could not be found out, so that an answer without obstacles is no promise."""
    if placement.mount is None:
        yield "its mount is not visible here, so what its file system says is not known"
    elif placement.mount.filesystem not in _JUDGED and not _is_fuse(placement.mount.filesystem):
        yield f"what {placement.mount.filesystem} says of swap files is not known here"
    elif placement.mount.filesystem == "fuseblk":
        yield "its server decides whether the kernel may learn where its blocks are (FUSE_BMAP)"
    elif placement.extents is None:
        yield f"{placement.mount.filesystem} does not list its extents, so holes may be missed"
    volume = placement.volume
    if volume is not None and volume.chunks is None:
        if len(volume.profiles) > 1:
            yield "it has data of several profiles: only root can see which ones hold the file"
        if volume.devices > 1:
            yield "it has several devices: only root can see whether one holds the whole file"


def _iomap(placement: Placement, page_size: int) -> Iterator[Obstacle]:
    end = placement.size // page_size * page_size
    usable, whole = 0, True
    for extent in extents_and_gaps(placement, end):
        if isinstance(extent, Gap):
            whole = False
            yield _hole("file has unallocated extents")
            continue
        if extent.has(ExtentFlag.DATA_INLINE | ExtentFlag.DATA_TAIL):
            yield Obstacle("file is inline", "make a larger one")
        if extent.has(ExtentFlag.DELALLOC | ExtentFlag.UNKNOWN):
            yield Obstacle("file is not committed", "sync")
        if extent.has(ExtentFlag.SHARED):
            yield _shared("file has shared extents")
        first = -(-extent.physical // page_size)
        usable += max(0, (extent.physical + extent.length) // page_size - first)
    if whole and not usable:  # a hole ends the kernel's count
        yield Obstacle(
            "Cannot find a single usable page in file.",
            f"use a file system with blocks of {page_size} bytes",
        )


def _btrfs(placement: Placement) -> Iterator[Obstacle]:
    if placement.flags & FS_COMPR_FL:
        yield Obstacle("swapfile must not be compressed", _ANEW)
    if not placement.flags & FS_NOCOW_FL:
        yield Obstacle("swapfile must not be copy-on-write", _ANEW)
    devices: set[int] = set()
    for extent in extents_and_gaps(
        placement, placement.size // placement.block_size * placement.block_size
    ):
        if isinstance(extent, Gap):
            yield _hole("swapfile must not have holes")
            continue
        if extent.has(ExtentFlag.DATA_INLINE):
            yield Obstacle("swapfile must not be inline", _ANEW)
            continue
        if extent.has(ExtentFlag.ENCODED):
            yield Obstacle("swapfile must not be compressed", _ANEW)
            continue
        if extent.has(ExtentFlag.SHARED):
            yield _shared("swapfile must not be copy-on-write (shared extents)")
        if placement.volume is not None:
            yield from _chunk_obstacles(placement.volume, extent, devices)


def _chunk_obstacles(volume: Volume, extent: Extent, devices: set[int]) -> Iterator[Obstacle]:
    """What the kernel says of the chunks below `extent`; `devices` are those met so far."""
    redundant = Obstacle(
        "swapfile must have single data profile",
        "put it on a file system with the data profile single",
    )
    if volume.chunks is None:  # not root: only what holds for every chunk there is
        if volume.profiles == {True}:
            yield redundant
        return
    for chunk in volume.chunks_below(extent.physical, extent.physical + extent.length):
        if chunk.redundant:
            yield redundant
        devices.add(chunk.device)
        if len(devices) > 1:
            yield Obstacle(
                "swapfile must be on one device",
                "make a new, smaller file, or use a file system of one device",
            )


def _f2fs(placement: Placement) -> Iterator[Obstacle]:
    if placement.mount is not None and "mode=lfs" in placement.mount.options:
        yield Obstacle("Swapfile not supported in LFS mode", "mount it with mode=adaptive")
    if placement.flags & FS_COMPR_FL:
        yield Obstacle("the file is compressed", "chattr -c it while it is empty, then fill it")
    for extent in extents_and_gaps(placement, placement.size):
        if isinstance(extent, Gap):
            yield _hole("Swapfile has holes")


def _other(placement: Placement, filesystem: str) -> Iterator[Obstacle]:
    """generic_swapfile_activate(): every block must have a place on one device."""
    if filesystem in _NO_BLOCKS or _is_fuse(filesystem):
        words = f"swapfile has holes (so says the kernel of every file on {filesystem})"
        yield Obstacle(words, _ELSEWHERE)
    elif placement.extents is None or filesystem in _BY_BLOCKS:
        if placement.allocated < placement.size:
            yield _hole("swapfile has holes")
    else:
        for extent in extents_and_gaps(placement, placement.size):
            if isinstance(extent, Gap):
                yield _hole("swapfile has holes")


def _is_fuse(filesystem: str) -> bool:
    """True for FUSE without a block device below, by any name of its server ("fuse.sshfs")."""
    return filesystem.startswith("fuse.")


def _hole(words: str) -> Obstacle:
    return Obstacle(words, "fills the holes", fixable=True)


def _shared(words: str) -> Obstacle:
    return Obstacle(words, "gives the file blocks of its own", fixable=True)


def extents_and_gaps(placement: Placement, end: int) -> Iterator[Extent | Gap]:
    """The extents below `end` bytes in file order, and the gaps between them."""
    if placement.extents is None:
        return
    position = 0
    for extent in placement.extents:
        if extent.logical >= end:
            break
        if extent.logical > position:
            yield Gap(position, extent.logical - position)
        yield extent
        position = extent.logical + extent.length
    if position < end:
        yield Gap(position, end - position)
