"""Which file system holds an open file, and how is it mounted?"""

import re
from dataclasses import dataclass
from pathlib import Path

_MOUNT_ID = re.compile(rb"^mnt_id:\s*(\d+)$", re.MULTILINE)
_PROC_SELF = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount: the file system's type as in mount(8), and the options of mount and file system."""

    filesystem: str
    options: frozenset[str]

    @property
    def read_only(self) -> bool:
        """True when nothing can be opened for writing, which swapon(2) does."""
        return "ro" in self.options


def mount_of(fd: int) -> Mount | None:
    """The mount that `fd` was opened through; None when it is not in this mount namespace.

    The kernel names it itself (proc(5), fdinfo and mountinfo), so bind mounts, subvolumes and
    overlays need no guessing from device numbers.
    """
    try:
        mount_id = _MOUNT_ID.search((_PROC_SELF / f"fdinfo/{fd}").read_bytes())
        mounts = (_PROC_SELF / "mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    if mount_id is None:
        return None
    for line in mounts:
        # ID parent major:minor root point options [optional…] - type source super-options
        before, _, after = line.partition(" - ")
        fields = before.split()
        if fields[0] == mount_id[1].decode():
            filesystem, _, superblock = after.split(" ", 2)
            return Mount(filesystem, frozenset(f"{fields[5]},{superblock}".split(",")))
    return None
