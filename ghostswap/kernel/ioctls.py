"""ioctl(2) requests: their numbers and arguments, as the C headers define them."""

import enum
import struct

WRITE, READ = 1, 2  # asm-generic/ioctl.h; seen from user space


def ioc(direction: int, kind: int, number: int, size: int) -> int:
    """_IOC() of include/uapi/asm-generic/ioctl.h (x86, arm64, riscv, s390)."""
    return direction << 30 | size << 16 | kind << 8 | number


# include/uapi/linux/fs.h: _IOR('f', 1, long) and _IOW('f', 2, long), though both take an int.
LONG = struct.calcsize("l")
FS_IOC_GETFLAGS = ioc(READ, ord("f"), 1, LONG)
FS_IOC_SETFLAGS = ioc(WRITE, ord("f"), 2, LONG)

FS_COMPR_FL = 0x4
FS_IMMUTABLE_FL = 0x10
FS_ENCRYPT_FL = 0x800
FS_NOCOW_FL = 0x800000


# include/uapi/linux/fiemap.h (v6.18)
FIEMAP = struct.Struct("=QQIIII")  # start, length, flags, mapped, room, reserved
FIEMAP_EXTENT = struct.Struct("=QQQ16xI12x")  # logical, physical, length, flags
FS_IOC_FIEMAP = ioc(READ | WRITE, ord("f"), 11, FIEMAP.size)
FIEMAP_FLAG_SYNC = 0x1
FIEMAP_EXTENT_LAST = 0x1


class ExtentFlag(enum.IntFlag):
    """FIEMAP_EXTENT_*, those that matter to swap."""

    UNKNOWN = 0x2
    DELALLOC = 0x4
    ENCODED = 0x8
    DATA_ENCRYPTED = 0x80
    DATA_INLINE = 0x200
    DATA_TAIL = 0x400
    UNWRITTEN = 0x800
    SHARED = 0x2000


# include/uapi/linux/loop.h (v6.18); LOOP_CONFIGURE since v5.8
LOOP_CTL_GET_FREE = 0x4C82
LOOP_CONFIGURE = 0x4C0A
LOOP_CLR_FD = 0x4C01
LO_FLAGS_AUTOCLEAR = 4
LOOP_CONFIG = struct.Struct("=II52xI64s112x64x")  # fd, block size, …, lo_flags, lo_file_name, …


# include/uapi/linux/dm-ioctl.h (v6.18; unchanged since v3.13)
DM_VERSION = (4, 0, 0)
# struct dm_ioctl: version, data_size, data_start, target_count, …, flags, …, name, uuid, …
DM_IOCTL = struct.Struct("=3IIIIiIIIQ128s129s7x")
DM_TARGET_SPEC = struct.Struct("=QQiI16s")  # start, length, status, next, type
DM_NAME_LIST = struct.Struct("=QI")  # device, where the next one is; the name follows
DM_DEFERRED_REMOVE = 1 << 17


class DmCommand(enum.IntEnum):
    """The requests used here: DM_LIST_DEVICES_CMD and so on."""

    LIST_DEVICES = 2
    DEV_CREATE = 3
    DEV_REMOVE = 4
    DEV_SUSPEND = 6
    TABLE_LOAD = 9

    @property
    def request(self) -> int:
        """Its ioctl number."""
        return ioc(READ | WRITE, 0xFD, self, DM_IOCTL.size)


# include/uapi/linux/btrfs.h and btrfs_tree.h (v6.18)
_BTRFS = 0x94
BTRFS_SEARCH_KEY = struct.Struct("=7Q4I32x")  # tree, objectids, offsets, transids, types, items
BTRFS_SEARCH_HEADER = struct.Struct("=QQQII")  # transid, objectid, offset, type, length
BTRFS_SPACE_ARGS = struct.Struct("=QQ")  # slots, total spaces
BTRFS_SPACE_INFO = struct.Struct("=QQQ")  # flags, total bytes, used bytes
BTRFS_FS_INFO = struct.Struct("=QQ1008x")  # max_id, num_devices
BTRFS_CHUNK = struct.Struct("<QQQQIIIHH")  # length, owner, stripe length, type, …, stripes
BTRFS_STRIPE = struct.Struct("<QQ16x")  # devid, offset
BTRFS_IOC_TREE_SEARCH_V2 = ioc(READ | WRITE, _BTRFS, 17, BTRFS_SEARCH_KEY.size + 8)
BTRFS_IOC_SPACE_INFO = ioc(READ | WRITE, _BTRFS, 20, BTRFS_SPACE_ARGS.size)
BTRFS_IOC_FS_INFO = ioc(READ, _BTRFS, 31, BTRFS_FS_INFO.size)


# include/uapi/linux/fs.h (since v6.7): struct pm_scan_arg and struct page_region
PM_SCAN_ARG = struct.Struct("=12Q")
PAGEMAP_SCAN = ioc(READ | WRITE, ord("f"), 16, PM_SCAN_ARG.size)
