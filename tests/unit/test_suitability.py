"""What file systems say of a swapfile, also those that this machine cannot make."""

import pytest

from ghostswap.kernel.ioctls import FS_COMPR_FL, FS_ENCRYPT_FL, FS_NOCOW_FL, ExtentFlag
from ghostswap.kernel.version import KernelVersion
from ghostswap.swapfile.btrfs import Chunk, Volume
from ghostswap.swapfile.filesystem import Mount
from ghostswap.swapfile.ioctls import Extent
from ghostswap.swapfile.placement import Placement
from ghostswap.swapfile.suitability import extent_obstacles, mapping_obstacles, unknowns

PAGE = 4096
V6_12, V6_18 = KernelVersion(6, 12), KernelVersion(6, 18)
SIZE = 16 * PAGE
WHOLE = (Extent(0, 1 << 20, SIZE, 0),)


def placed(
    filesystem: str,
    extents: tuple[Extent, ...] | None = WHOLE,
    *,
    flags: int = 0,
    volume: Volume | None = None,
    allocated: int = SIZE,
    options: str = "rw",
) -> Placement:
    mount = Mount(filesystem, frozenset(options.split(",")))
    return Placement(mount, SIZE, allocated, PAGE, flags, extents, volume)


def reasons(placement: Placement) -> list[str]:
    obstacles = [*mapping_obstacles(placement, PAGE, V6_18), *extent_obstacles(placement, PAGE)]
    return [obstacle.reason for obstacle in obstacles]


@pytest.mark.parametrize("filesystem", ["ext4", "xfs", "f2fs", "vfat"])
def test_a_file_in_one_piece_is_fine(filesystem: str) -> None:
    assert reasons(placed(filesystem)) == []


def test_preallocated_blocks_are_fine() -> None:
    assert reasons(placed("xfs", (Extent(0, 1 << 20, SIZE, ExtentFlag.UNWRITTEN),))) == []


@pytest.mark.parametrize("filesystem", ["tmpfs", "overlay", "zfs"])
def test_some_file_systems_never_carry_swap(filesystem: str) -> None:
    assert reasons(placed(filesystem))[0] == f"files on {filesystem} cannot be swapped to"


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        (ExtentFlag.DATA_INLINE, "file is inline"),
        (ExtentFlag.DELALLOC, "file is not committed"),
        (ExtentFlag.SHARED, "file has shared extents"),
    ],
)
def test_extents_that_ext4_and_xfs_refuse(flag: ExtentFlag, words: str) -> None:
    assert reasons(placed("xfs", (Extent(0, 1 << 20, SIZE, flag),))) == [words]


@pytest.mark.parametrize(
    ("filesystem", "words"),
    [
        ("ext4", "file has unallocated extents"),
        ("f2fs", "Swapfile has holes"),
        ("vfat", "swapfile has holes"),
    ],
)
@pytest.mark.parametrize(
    "extents",
    [
        (Extent(PAGE, 1 << 20, SIZE - PAGE, 0),),
        (Extent(0, 1 << 20, PAGE, 0), Extent(2 * PAGE, 1 << 20, SIZE - 2 * PAGE, 0)),
        (Extent(0, 1 << 20, SIZE - PAGE, 0),),
    ],
)
def test_a_hole_anywhere_is_found(filesystem: str, words: str, extents: tuple[Extent, ...]) -> None:
    assert reasons(placed(filesystem, extents)) == [words]


def test_nfs_is_judged_by_its_blocks() -> None:
    assert reasons(placed("nfs4", None)) == []
    assert reasons(placed("nfs4", None, allocated=SIZE - 512)) == ["swapfile has holes"]


@pytest.mark.parametrize("filesystem", ["9p", "ceph", "ubifs", "virtiofs", "fuse", "fuse.sshfs"])
def test_files_without_a_device_below_are_refused(filesystem: str) -> None:
    """bmap() has no answer there, however many blocks are allocated."""
    assert reasons(placed(filesystem)) == reasons(placed(filesystem, None))
    assert reasons(placed(filesystem))[0].startswith("swapfile has holes")


@pytest.mark.parametrize("filesystem", ["cifs", "fuseblk", "gfs2", "minix"])
def test_others_are_refused_for_holes_alone(filesystem: str) -> None:
    assert reasons(placed(filesystem, None)) == []
    assert reasons(placed(filesystem, None, allocated=0)) == ["swapfile has holes"]


def test_a_file_system_that_nobody_looked_at_is_no_promise() -> None:
    assert "not known here" in next(unknowns(placed("newfs")))
    assert list(unknowns(placed("vfat"))) == []


def test_f2fs_in_lfs_mode_and_compressed() -> None:
    assert reasons(placed("f2fs", options="rw,mode=lfs")) == ["Swapfile not supported in LFS mode"]
    assert reasons(placed("f2fs", flags=FS_COMPR_FL)) == ["the file is compressed"]


def test_fscrypt_and_blocks_larger_than_a_page_hold_for_ghosts_too() -> None:
    assert (
        "fscrypt"
        in next(mapping_obstacles(placed("ext4", flags=FS_ENCRYPT_FL), PAGE, V6_18)).reason
    )
    assert "blocks of 4096" in next(mapping_obstacles(placed("xfs"), 2048, V6_18)).reason


def test_blocks_larger_than_a_page_were_fine_before_6_15() -> None:
    assert not list(mapping_obstacles(placed("xfs"), 2048, V6_12))


def test_unaligned_pieces_hold_no_page() -> None:
    extents = tuple(Extent(at, (1 << 20) + at * 2 + 1024, 3072, 0) for at in range(0, SIZE, 3072))
    assert reasons(placed("ext4", extents)) == ["Cannot find a single usable page in file."]


def on_btrfs(
    *chunks: Chunk, extents: tuple[Extent, ...] = WHOLE, flags: int = FS_NOCOW_FL
) -> object:
    return reasons(placed("btrfs", extents, flags=flags, volume=Volume(chunks, frozenset(), 2)))


def test_what_btrfs_wants() -> None:
    single = Chunk(0, 1 << 30, redundant=False, device=1)
    assert on_btrfs(single) == []
    assert on_btrfs(single, flags=0) == ["swapfile must not be copy-on-write"]
    encoded = (Extent(0, 1 << 20, SIZE, ExtentFlag.ENCODED),)
    assert on_btrfs(single, extents=encoded) == ["swapfile must not be compressed"]
    mirrored = Chunk(0, 1 << 30, redundant=True, device=1)
    assert on_btrfs(mirrored) == ["swapfile must have single data profile"]
    middle = (1 << 20) + SIZE // 2
    halves = (Chunk(0, middle, False, 1), Chunk(middle, 1 << 30, False, 2))
    assert on_btrfs(*halves) == ["swapfile must be on one device"]


def test_what_only_root_can_see_is_said_to_be_unknown() -> None:
    volume = Volume(None, frozenset({True, False}), 2)
    said = list(unknowns(placed("btrfs", flags=FS_NOCOW_FL, volume=volume)))
    assert [line.partition(":")[0] for line in said] == [
        "it has data of several profiles",
        "it has several devices",
    ]
