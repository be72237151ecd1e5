"""What a process has mapped: /proc/PID/maps, and which of it can be swapped as anonymous memory.

Source: fs/proc/task_mmu.c, show_map_vma() (Linux 6.18).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

_LINE = re.compile(
    rb"(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) [r-][w-][x-](?P<share>[ps]) "
    rb"[0-9a-f]+ (?P<device>[0-9a-f]+:[0-9a-f]+) (?P<inode>\d+) *(?P<name>.*)\n?"
)
# Pages that no swap area ever sees: the kernel's own, and huge pages of hugetlbfs.
_NEVER_SWAPPED = (b"[vdso]", b"[vvar]", b"[vvar_vclock]", b"[vsyscall]", b"/anon_hugepage")

# Number of the mount and of its parent, device, …; then behind a dash: file system, …
_MOUNT = re.compile(rb"\d+ \d+ (?P<major>\d+):(?P<minor>\d+) .* - (?P<kind>\S+) .*")

_KERNEL_FILES = (b"/memfd:", b"/SYSV")


class Backing(StrEnum):
    """What backs a mapping, as far as swap is concerned."""

    PRIVATE = "private"  # its anonymous pages are swappable, its pages of a file are not
    SHMEM = "shmem"  # all its pages are: shared anonymous, System V, memfd, tmpfs
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Mounts:
    """Devices, as maps writes them, of the mounts whose pages are no pages of a file.

    The kernel's own mount 00:01 holds memfd, System V and shared anonymous memory; hugetlbfs has
    mounts of its own too, which no process sees.
    """

    tmpfs: frozenset[bytes]
    hugetlbfs: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Area:
    """One mapping: addresses `start` … `end` (bytes), and its name as the kernel writes it."""

    start: int
    end: int
    shared: bool
    device: bytes  # major:minor in hexadecimal
    inode: int
    name: bytes

    def backing(self, mounts: Mounts) -> Backing:
        """What backs it, for a process that sees `mounts`."""
        if self.name.startswith(_NEVER_SWAPPED) or self.device in mounts.hugetlbfs:
            return Backing.NONE
        if self.device in mounts.tmpfs and self.inode:
            return Backing.SHMEM
        if self.name.startswith(_KERNEL_FILES):
            return Backing.NONE  # not on 00:01, so on a hugetlbfs of the kernel's own
        if self.shared or (self.name.startswith(b"/dev/") and self.name != b"/dev/zero"):
            return Backing.NONE  # pages of a file, or of a device (no struct page to swap)
        return Backing.PRIVATE


def parse_area(line: bytes) -> Area:
    """The area that a line of /proc/PID/maps tells of; ValueError on any other line.

    A line ends with b"\\n" and with nothing else: names hold carriage returns and the like as they
    are, and a newline as \\012 (fs/seq_file.c, mangle_path()).
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"not a line of /proc/PID/maps: {line!r}")
    start, end, share, device, inode, name = match.groups()
    return Area(int(start, 16), int(end, 16), share == b"s", device, int(inode), name)


def parse_mounts(mountinfo: bytes) -> Mounts:
    """The mounts of tmpfs and hugetlbfs in /proc/PID/mountinfo, and the kernel's own; lines of
    another form are skipped."""
    devices: dict[bytes, set[bytes]] = {b"tmpfs": {b"00:01"}, b"hugetlbfs": set()}
    for match in map(_MOUNT.fullmatch, mountinfo.split(b"\n")):
        if match and match["kind"] in devices:
            device = b"%02x:%02x" % (int(match["major"]), int(match["minor"]))
            devices[match["kind"]].add(device)
    return Mounts(frozenset(devices[b"tmpfs"]), frozenset(devices[b"hugetlbfs"]))
