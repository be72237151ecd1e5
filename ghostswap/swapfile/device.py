"""May this block device be opened for swap, alone and for writing?"""

import os
from pathlib import Path

_SYS = Path("/sys/dev/block")
_MOUNTS = Path("/proc/self/mountinfo")


def device_obstacle(rdev: int) -> str | None:
    """Why opening the block device `rdev` for swap fails, in swapon(2)'s words; None if nothing
    is known to be in the way."""
    name = f"{os.major(rdev)}:{os.minor(rdev)}"
    if is_read_only(rdev) and "DEVNAME=sd" in _read(_SYS / name / "uevent"):
        return "EROFS: the disk is write-protected"  # sd_open() (drivers/scsi/sd.c, v6.18)
    if _is_mounted(name):
        return "EBUSY: the device is mounted"
    if _holders(_SYS / name / "holders"):
        return "EBUSY: the device is part of another one (device mapper, RAID)"
    if _read(_SYS / name / "queue/zoned") not in ("", "none"):
        return "EINVAL: zoned devices cannot be swapped to"
    return None


def is_read_only(rdev: int) -> bool:
    """True when the block device `rdev` takes no writes, which most drivers let swapon(2) miss."""
    return _read(_SYS / f"{os.major(rdev)}:{os.minor(rdev)}" / "ro") == "1"


def _is_mounted(name: str) -> bool:
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    return any(mount.split(maxsplit=3)[2] == name for mount in mounts)


def _holders(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
