"""The census of idle pages: a random sample of all pages is watched, and only then read.

In this order, since reading a page of a process marks it as accessed. Pages that were touched are
read too, beside the idle ones, so that the difference shows.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from ghostswap.census.codecs import Codec
from ghostswap.census.idle_share import IdleCensus, IdleShare
from ghostswap.census.scan import Progress, scan
from ghostswap.census.table import Census
from ghostswap.errors import GhostswapError
from ghostswap.idle.sample import ages, choose, most_pages
from ghostswap.idle.tracker import Tracker
from ghostswap.idle.watch import Progress as WatchProgress
from ghostswap.idle.watch import Watched, watch
from ghostswap.pages.source import Source
from ghostswap.pages.subset import addresses, subset

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


def idle_census(
    sources: Sequence[Source],
    codecs: Sequence[Codec],
    tracker: Tracker,
    seconds: float,
    *,
    jobs: int | None = None,
    seed: int = 0,
    watching: AbstractContextManager[WatchProgress],
    progress: AbstractContextManager[Progress],
) -> IdleCensus:
    """Watch a sample of the pages of processes for `seconds`, then read it; how far both are is
    reported to what `watching` and then `progress` give.

    On KeyboardInterrupt what was watched and read until then comes back, marked partial. Raises
    GhostswapError where nothing can be watched.
    """
    pages = [source.runs.pages for source in sources]
    drawn = choose(pages, most_pages(seconds, tracker.pages_per_second), seed)
    owner = np.repeat(np.arange(len(sources)), [len(numbers) for numbers in drawn])
    pids = np.array([source.facts.pid or 0 for source in sources], dtype=np.int64)
    where = [addresses(source, part) for source, part in zip(sources, drawn, strict=True)]
    if not len(owner):
        raise GhostswapError("--idle", "there are no pages in memory to watch")
    page_size = sources[0].runs.page_size
    with watching as report:
        watched = watch(
            tracker, pids[owner], np.concatenate(where), page_size, seconds, progress=report
        )
    if not watched.followed.any():
        raise GhostswapError(
            "--idle", "no page could be followed: all were freed, moved or swapped out meanwhile"
        )

    def read(which: Bools) -> Census:
        cuts = np.cumsum([0, *map(len, drawn)])
        parts = [
            subset(source, drawn[i][which[cuts[i] : cuts[i + 1]]])
            for i, source in enumerate(sources)
        ]
        return scan(parts, page_size, codecs, jobs=jobs, seed=seed, progress=report_pages)

    with progress as report_pages:
        idle = read(watched.idle)
        touched = read(watched.followed & ~watched.idle)
    if watched.idle.any() and not idle.total and not idle.partial:
        why = [warning for source in idle.sources for warning in source.facts.warnings]
        raise GhostswapError("--idle", f"no idle page could be read: {why[-1] if why else ''}")
    return IdleCensus(idle, touched, _share(watched, owner, pages))


def _share(watched: Watched, owner: I64, pages: list[int]) -> IdleShare:
    followed, locked = watched.followed, int(np.count_nonzero(watched.locked))
    total, drawn = sum(pages), len(owner)
    return IdleShare(
        watched.seconds,
        str(watched.tracker),
        tuple(pages),
        _by_source(owner, followed, len(pages)),
        _by_source(owner, watched.idle, len(pages)),
        round(total * (1 - locked / drawn)),
        locked,
        drawn - locked - int(np.count_nonzero(followed)),
        ages(watched.untouched[followed], watched.seconds, watched.seconds),
        watched.cpu_share,
        watched.partial,
    )


def _by_source(owner: I64, which: Bools, sources: int) -> tuple[int, ...]:
    return tuple(np.bincount(owner[which], minlength=sources).tolist())
