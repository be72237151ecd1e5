"""Which memory of a process KSM was offered: /proc/PID/ksm_stat and smaps.

Source: fs/proc/base.c, proc_pid_ksm_stat(), which tells of the whole process since 6.18, and
fs/proc/task_mmu.c, show_smap_vma_flags(): "mg" for VM_MERGEABLE, which madvise(MADV_MERGEABLE) and
prctl(PR_SET_MEMORY_MERGE) set.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_AREA = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) ")


def none_is_offered(folder: Path) -> bool:
    """True where the kernel says that nothing of the process with this folder in /proc is; False
    also where it does not say."""
    try:
        return b"ksm_mergeable: no\n" in (folder / "ksm_stat").read_bytes()
    except OSError:
        return False


def parse_offered(smaps: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Beginning and end (addresses) of the areas that KSM was offered, out of the lines of smaps.

    >>> list(parse_offered([b"7f00-7f80 rw-p 0 0:0 0\\n", b"VmFlags: rd wr mg ac\\n"]))
    [(32512, 32640)]
    """
    area = (0, 0)
    for line in smaps:
        if line.startswith(b"VmFlags:"):
            if b"mg" in line.split()[1:]:
                yield area
        elif match := _AREA.match(line):
            area = int(match[1], 16), int(match[2], 16)
