"""What stands below the table of an estimate, in sentences: what its reader would get wrong without
it, and how the best ratio comes about."""

import itertools
from collections.abc import Sequence

from ghostswap.report.estimate import Estimate
from ghostswap.systems.footprint import Footprint, System

_SPARSE = 1.5  # pool over payload; size classes alone make 1.1 to 1.3 of it


def remarks(estimate: Estimate) -> list[str]:
    """A sentence or two on each thing that is not as the table alone has it; none of them ends a
    line."""
    lines = []
    if without := estimate.without_dump_zeros():
        pages = estimate.comparison.coverage.dump_zero_pages
        lines.append(
            f"{pages:,} zero pages are of dumps, which have them also for memory never touched."
            f" RATIO without them: {_ratios(without)}."
        )
    for system in estimate.shown():
        if system.system is System.ZSWAP and system.refused_pages:
            fate = "stay in RAM" if system.kept_bytes else "go to the swap area on disk"
            lines += [
                f"zswap with {system.algorithm} refuses {number:,} pages {why}; they {fate}."
                for number, why in (
                    (system.refused_pages - system.refused_thp_pages, "that do not compress"),
                    (system.refused_thp_pages, "in huge pages, which come whole"),
                )
                if number
            ]
    for system in estimate.shown():
        if (done := system.recompression) is not None:
            lines.append(
                f"{done.algorithm} replaces {done.recompressed_pages:,} of zram's pages with "
                f"{system.algorithm}; the others would take as much, or are not asked for."
            )
    if (ksm := estimate.ksm) is not None:
        saved = f"{ksm.sharing.pages_sharing:,} saved" + ("" if ksm.running else ", were it on")
        lines.append(
            f"KSM is offered {ksm.eligible_pages:,} of these pages now ({saved});"
            f" {ksm.not_offered_pages:,} it is not (MADV_MERGEABLE, PR_SET_MEMORY_MERGE), and"
            f" {ksm.shared_memory_pages:,} are shared memory, which it never merges."
        )
    if any(
        system.pool_bytes > _SPARSE * system.compressed_bytes
        for system in estimate.comparison.footprints
    ):
        lines.append(
            "So few pages leave most zspages of a pool half empty: a larger set does better."
        )
    return lines


def summary_of(systems: Sequence[Footprint]) -> str | None:
    """How the pool of zram+dedup comes about under the first algorithm, in a line like that of
    zdb -S; None where nothing was compressed."""
    for zram, dedup in itertools.product(systems, systems):
        if (zram.system, dedup.system, zram.name) != (System.ZRAM, System.ZRAM_DEDUP, dedup.name):
            continue
        data = zram.total_pages - zram.same_pages
        if not (data and zram.pool_bytes and dedup.pool_bytes):
            return None
        return (
            f"{zram.name}: dedup = {zram.pool_bytes / dedup.pool_bytes:.2f}, "
            f"compress = {data * zram.page_size / zram.pool_bytes:.2f}, "
            f"same-filled = {zram.total_pages / data:.2f}, "
            f"all three = {dedup.total_bytes / dedup.pool_bytes:.2f}"
        )
    return None


def _ratios(footprints: Sequence[Footprint]) -> str:
    """Those of the systems that every kernel has, under the first algorithm."""
    first = footprints[0].algorithm
    return ", ".join(
        f"{each.system} {each.ratio:.2f}"
        for each in footprints
        if each.system in (System.ZRAM, System.ZSWAP) and each.algorithm == first and each.ratio
    )
