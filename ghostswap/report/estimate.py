"""The result of an estimate: all figures together, and as the JSON document, key by key."""

import itertools
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ghostswap.census.coverage import unreadable
from ghostswap.census.dedup import Group, histogram, of_all, shared_between_sources
from ghostswap.census.idle_share import IdleCensus, IdleGroup, scaled_counts, scaled_population
from ghostswap.census.population import Population, population
from ghostswap.census.sample_error import CONFIDENCE
from ghostswap.census.table import Census, Measured, SourceRows
from ghostswap.kernel.algorithm import Variant
from ghostswap.report import comparison
from ghostswap.systems.comparison import Comparison, compare
from ghostswap.systems.footprint import Footprint, Sharing, System

_WITHOUT_DEDUP = {System.ZRAM_DEDUP: System.ZRAM, System.ZSWAP_DEDUP: System.ZSWAP}


@dataclass(frozen=True, slots=True)
class Example:
    """A content with several copies: its hash, who holds it, and how it begins (hexadecimal; empty
    when the page could not be read again, or had changed)."""

    hash: str
    copies: int
    sources: tuple[str, ...]
    preview_hex: str


@dataclass(frozen=True, slots=True)
class Check:
    """One figure of zram, as estimated and as the running kernel made it on the same pages."""

    algorithm: str
    figure: str
    estimated: int
    measured: int

    @property
    def difference(self) -> float:
        """How far the estimate lies from the measurement, as a fraction of it."""
        return (self.estimated - self.measured) / self.measured if self.measured else 0.0


@dataclass(frozen=True, slots=True)
class KsmNow:
    """What KSM would do with the pages of processes as things are: it runs or not; never merges
    shared memory, nor what no madvise(MADV_MERGEABLE) or prctl(PR_SET_MEMORY_MERGE) offered to it;
    and makes `sharing` of the others."""

    running: bool
    shared_memory_pages: int
    not_offered_pages: int
    eligible_pages: int
    sharing: Sharing


@dataclass(frozen=True)
class Estimate:
    """What was asked for: the comparison always, the others where options say so."""

    census: Census
    comparison: Comparison
    groups: tuple[Group, ...] = ()
    top: tuple[Example, ...] = ()
    idle: IdleCensus | None = None
    idle_groups: tuple[IdleGroup, ...] = ()
    ksm: KsmNow | None = None

    def shown(self) -> list[Footprint]:
        """The footprints of tables and pictures: without those that are there to check others."""
        return [
            each for each in self.comparison.footprints if each.variant is not Variant.IN_KERNEL
        ]

    def won_by_dedup(self, system: Footprint) -> int | None:
        """Bytes that this system saves more than the same one without dedup; less than 0 where its
        bookkeeping outweighs that. None for one that has no dedup, or no other one beside it."""
        for other in self.shown():
            if (other.system, other.name) == (_WITHOUT_DEDUP.get(system.system), system.name):
                return system.saved_bytes - other.saved_bytes
        return None

    def without_dump_zeros(self) -> list[Footprint]:
        """The footprints without zero pages of dumps, which may never have been touched; none where
        there are no such pages, or no others."""
        pages = self.comparison.coverage.dump_zero_pages
        if not 0 < pages < self.comparison.total_pages:
            return []
        return list(self.comparison.without_dump_zeros().footprints)

    def checks(self) -> list[Check]:
        """The library's codecs against the kernel's, where the census has both."""
        zrams = [each for each in self.comparison.footprints if each.system is System.ZRAM]
        return [
            Check(str(ours.algorithm), figure, getattr(ours, figure), getattr(kernels, figure))
            for ours, kernels in itertools.product(zrams, zrams)
            if ours.algorithm == kernels.algorithm
            and (ours.variant, kernels.variant) == (Variant.ZRAM, Variant.IN_KERNEL)
            for figure in ("huge_pages", "compressed_bytes", "pool_bytes")
        ]

    @property
    def counts(self) -> dict[str, int]:
        """Pages by kind: of all idle ones, where only those are meant."""
        if self.idle is None:
            return page_counts(self.census)
        return scaled_counts(self.census, self.idle.share)

    @property
    def algorithms(self) -> list[Measured]:
        """What was measured of each algorithm, as zram calls it."""
        return [each for each in self.census.measured if each.variant is not Variant.IN_CRYPTO]

    def measured(self, algorithm: str | None) -> Measured | None:
        """What an algorithm made of the contents; None for a system that has none."""
        for measured in self.census.measured:
            if measured.name == algorithm:
                return measured
        return None

    def population(self, measured: Measured) -> Population | None:
        """The pages that are meant under one algorithm; None where nothing can be said."""
        if self.idle is None:
            return population(self.census, measured)
        return scaled_population(self.census, measured, self.idle.share)


def document(estimate: Estimate) -> dict[str, Any]:
    """The estimate as one JSON document: every key is always there, with values of one type.

    Algorithms, and their systems, of which too little is known for figures are left out.
    """
    census = estimate.census
    return {
        "schema": comparison.SCHEMA,
        "page_size": census.page_size,
        "mode": "exact" if census.sample is None else "quick",
        **comparison.document(estimate.comparison),
        "sources": _sources(estimate),
        "thp_pages": sum(source.facts.thp for source in census.sources),
        "ksm": None if estimate.ksm is None else asdict(estimate.ksm),
        "idle": _idle(estimate),
        "pages": estimate.counts,
        "algorithms": {
            measured.name: _algorithm(estimate, measured, pages)
            for measured in estimate.algorithms
            if (pages := estimate.population(measured)) is not None
        },
        "dedup": {
            "histogram": [asdict(bucket) for bucket in histogram(census)],
            "top": [asdict(example) for example in estimate.top],
            "shared_between_sources_pages": shared_between_sources(census),
        },
        "without_dump_zeros": [
            {"system": str(each.system), "algorithm": each.name, "ratio": each.ratio}
            for each in estimate.without_dump_zeros()
        ],
        "groups": [asdict(group) for group in estimate.groups],
        "verify": [asdict(check) | {"difference": check.difference} for check in estimate.checks()],
    }


def _sources(estimate: Estimate) -> list[dict[str, Any]]:
    sources = [_source(estimate.census, source) for source in estimate.census.sources]
    if estimate.idle is not None:  # of which a sample was read
        for source, pages in zip(sources, estimate.idle.share.pages, strict=True):
            source["pages"] = pages
    return sources


def _idle(estimate: Estimate) -> dict[str, Any] | None:
    """What was watched; None where all pages were meant."""
    if estimate.idle is None:
        return None
    share = estimate.idle.share
    return {
        "seconds": share.seconds,
        "tracker": share.tracker,
        "tracked_pages": share.tracked_pages,
        "total_pages": share.total_pages,
        "idle_pages": share.idle_pages,
        "share": share.share,
        "share_error": share.share_error,
        "ages": [asdict(age) for age in share.ages],
        "locked_pages": share.locked,
        "dropped_pages": share.dropped,
        "cpu_share": share.cpu_share,
        "compared": [asdict(kind) for kind in compared(estimate)],
        "groups": [asdict(group) for group in estimate.idle_groups],
    }


@dataclass(frozen=True, slots=True)
class Compared:
    """The idle or the touched pages of the sample by the first algorithm: what data pages compress
    to on average (bytes), and memory over what zram takes for it. None where nothing tells."""

    name: str
    pages: int
    zero_share: float
    mean_bytes: float | None
    ratio: float | None


def compared(estimate: Estimate) -> list[Compared]:
    """Idle pages beside those that were touched."""
    if estimate.idle is None:
        return []
    kinds = []
    for name, census in (("idle", estimate.idle.idle), ("touched", estimate.idle.touched)):
        kind = of_all(name, census, census.measured[0])
        footprints = compare(census, estimate.comparison.rules).footprints
        zrams = [each for each in footprints if each.system is System.ZRAM]
        ratio = zrams[0].ratio if zrams and kind.pages else None
        share = kind.zero / kind.pages if kind.pages else 0.0
        kinds.append(Compared(name, kind.pages, share, kind.mean_bytes, ratio))
    return kinds


def _source(census: Census, source: SourceRows) -> dict[str, Any]:
    missing = unreadable(census, source)
    return {
        "name": source.facts.name,
        "kind": str(source.facts.kind),
        "pages": source.pages + source.facts.holes + source.facts.unreadable - missing,
        "unreadable_pages": missing,
        "absent_pages": source.facts.absent,
        "swapped_pages": source.facts.swapped,
        "warnings": list(source.facts.warnings),
    }


def page_counts(census: Census) -> dict[str, int]:
    """Pages by kind: total = zero + same_filled + data, data = distinct + duplicate."""
    contents = census.contents
    data = contents.pages_of(contents.data)
    distinct = int(np.count_nonzero(contents.data))
    return {
        "total": census.total,
        "zero": contents.pages_of(contents.zero),
        "same_filled": contents.pages_of(contents.same_filled),
        "data": data,
        "distinct": distinct,
        "duplicate": data - distinct,
    }


def _algorithm(estimate: Estimate, measured: Measured, pages: Population) -> dict[str, Any]:
    census, cost = estimate.census, measured.cost
    sizes = pages.data.pages
    compressed = float(sizes.sum())
    payload = np.minimum(np.arange(len(sizes)), census.page_size)
    return {
        "compressed_pages": int(np.count_nonzero(measured.sizes)),
        "mean_bytes": float(sizes @ payload) / compressed if compressed else 0.0,
        "incompressible_pages": round(float(sizes[census.page_size :].sum())),
        "compress_ns_per_page": round(cost.compress_ns) if cost else None,
        "decompress_ns_per_page": round(cost.decompress_ns) if cost else None,
        "relative_error": estimate.comparison.of(measured.name)[System.ZRAM].relative_error,
        "confidence": CONFIDENCE if census.sample or estimate.idle else 1.0,
    }
