"""Where sampled pages lie in memory, and which of them a tracker can watch.

Source: Documentation/admin-guide/mm/pagemap.rst; include/uapi/linux/kernel-page-flags.h; trackers
ask a folio by its head page alone, and only one that is on an LRU list (page_idle_get_folio() in
mm/page_idle.c, damon_get_folio() in mm/damon/ops-common.c, Linux 6.12).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.host.pagemap import FRAME, GAP_PAGES, PRESENT, entries_of

I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]
Bools = NDArray[np.bool_]

_LRU, _HEAD, _TAIL, _UNEVICTABLE, _MLOCKED = (np.uint64(1 << bit) for bit in (5, 15, 16, 18, 33))
# Folios are aligned to their size; the largest that processes have: 2^13 pages of 64 KiB (arm64).
_LARGEST_ORDER = 13
# How far apart frames may lie whose flags one call reads: the kernel looks at each page between.
_GAP_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Frames:
    """Columns, an entry per page: the frame that holds it (0: it is not in memory), the frame that
    a tracker is to be asked for, the head of a huge page, and why it cannot be asked."""

    frame: U64
    head: U64
    locked: Bools  # mlocked or otherwise unevictable: never swapped
    unlisted: Bools  # on no LRU list yet: trackers do not see it

    @property
    def watchable(self) -> Bools:
        """Pages in memory that reclaim could take and trackers see."""
        seen: Bools = (self.frame != 0) & ~self.locked & ~self.unlisted
        return seen


def look_up(
    root: Path, pids: I64, addresses: I64, page_size: int, before: Frames | None = None
) -> Frames:
    """Where the pages at `addresses` of the processes `pids` are; those of a process that has ended
    are nowhere. Where one was `before` is still the same huge page. Raises GhostswapError where the
    kernel shows frames to root only."""
    frame = np.zeros(len(pids), dtype=np.uint64)
    for pid in np.unique(pids).tolist():
        mine = np.flatnonzero(pids == pid)
        frame[mine] = _frames_of(root / f"proc/{pid}/pagemap", addresses[mine] // page_size)
    place = root / "proc/kpageflags"
    try:
        with place.open("rb", buffering=0) as file:
            flags = _flags(file.fileno(), frame)
            if before is None:
                head = _heads(file.fileno(), frame, flags)
            else:
                head = np.where(frame == before.frame, before.head, frame)
            of_head = flags.copy()
            tails = head != frame
            of_head[tails] = _flags(file.fileno(), head[tails])
    except OSError as error:
        raise GhostswapError(place, f"{os_reason(error)}; --idle needs root") from None
    locked = ((flags | of_head) & (_UNEVICTABLE | _MLOCKED)) != 0
    return Frames(frame, head, locked, (of_head & _LRU) == 0)


def _frames_of(pagemap: Path, numbers: I64) -> U64:
    try:
        with pagemap.open("rb", buffering=0) as file:
            pages = entries(file.fileno(), numbers.astype(np.uint64))
    except OSError:
        return np.zeros(len(numbers), dtype=np.uint64)  # it has ended
    return np.where((pages & PRESENT) != 0, pages & FRAME, np.uint64(0))


def entries(fd: int, numbers: U64, gap: int = GAP_PAGES) -> U64:
    """The 8-byte entries `numbers`, in any order, of an open file of /proc; 0 beyond its end."""
    distinct, which = np.unique(numbers.astype(np.int64), return_inverse=True)
    values: U64 = entries_of(fd, distinct, gap)[which]
    return values


def _flags(kpageflags: int, frames: U64) -> U64:
    return entries(kpageflags, frames, _GAP_FRAMES)


def _heads(kpageflags: int, frame: U64, flags: U64) -> U64:
    """The first page of the folio that each frame is in.

    A folio is aligned to its size, so that rounding a tail page down by ever more meets no other
    head before its own.
    """
    head = frame.copy()
    tails = np.flatnonzero((flags & _TAIL) != 0)
    for order in range(1, _LARGEST_ORDER + 1):
        if not len(tails):
            break
        candidate = frame[tails] >> np.uint64(order) << np.uint64(order)
        is_head = (_flags(kpageflags, candidate) & _HEAD) != 0
        head[tails[is_head]] = candidate[is_head]
        tails = tails[~is_head]
    return head
