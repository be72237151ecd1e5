"""The result of an estimate: all figures together, and as the JSON document, key by key."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ghostswap.census.dedup import Group, histogram, shared_between_sources
from ghostswap.census.population import copies, population
from ghostswap.census.spread import CONFIDENCE, Spread
from ghostswap.census.table import Census, Measured, SourceRows
from ghostswap.kernel.rules import Rules
from ghostswap.systems.footprint import Figures, System
from ghostswap.systems.ksm import ksm
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.zram import zram, zram_dedup
from ghostswap.systems.zswap import zswap, zswap_dedup

SCHEMA = "ghostswap.estimate/1"
# What a codec that asks the running kernel is called beside the library's own of the same name.
IN_KERNEL = "@kernel"


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


@dataclass(frozen=True)
class Estimate:
    """What was asked for: `systems` always, the others where options say so."""

    census: Census
    rules: Rules
    systems: tuple[Figures, ...]
    groups: tuple[Group, ...] = ()
    top: tuple[Example, ...] = ()

    def checks(self) -> list[Check]:
        """The library's codecs against the kernel's, where the census has both."""
        zrams = {each.algorithm: each for each in self.systems if each.system is System.ZRAM}
        return [
            Check(name, figure, getattr(entry, figure), getattr(zrams[name + IN_KERNEL], figure))
            for name, entry in zrams.items()
            if name is not None and name + IN_KERNEL in zrams
            for figure in ("huge_pages", "compressed_bytes", "pool_bytes")
        ]

    def measured(self, algorithm: str | None) -> Measured | None:
        """What an algorithm made of the contents; None for a system that has none."""
        for measured in self.census.measured:
            if measured.algorithm == algorithm:
                return measured
        return None

    def relative_error(self, system: System, measured: Measured) -> float:
        """How far pool_bytes may be from the kernel's, as a fraction: the codec's own error, and in
        quick mode that of the sample, at 95 % confidence."""
        census = self.census
        codec = measured.relative_error
        if system in (System.ZSWAP, System.ZSWAP_DEDUP):
            codec += self.rules.zswap_codec_error(measured.algorithm)
        if census.sample is None:
            return codec
        return codec + self._spreads[measured.algorithm].relative_error(
            pool_cost(system, self.rules, census.page_size),
            each_once=system in (System.ZRAM_DEDUP, System.ZSWAP_DEDUP),
        )

    @cached_property
    def _spreads(self) -> dict[str, Spread]:
        census, sample = self.census, self.census.sample
        if sample is None:
            return {}
        return {
            each.algorithm: Spread.of(census.contents, each.sizes, sample)
            for each in census.measured
        }


def figures(census: Census, rules: Rules) -> tuple[Figures, ...]:
    """Every system's figures; without those that need sizes of which none is known yet."""
    found = []
    for measured in census.measured:
        pages = population(census, measured)
        if pages is not None:
            found += [model(pages, rules) for model in (zram, zram_dedup, zswap, zswap_dedup)]
    return (*found, ksm(copies(census.contents), census.page_size))


def document(estimate: Estimate) -> dict[str, Any]:
    """The estimate as one JSON document: every key is always there, with values of one type."""
    census, rules = estimate.census, estimate.rules
    return {
        "schema": SCHEMA,
        "page_size": census.page_size,
        "mode": "exact" if census.sample is None else "quick",
        "partial": census.partial,
        "kernel": str(rules.version),
        "rules": {
            "zpool": str(rules.allocator),
            "chain_size": rules.chain_size,
            "zram_entry_bytes": rules.zram_entry_bytes,
            "same_filled": str(rules.same_filled),
            "writeback": rules.writeback,
            "ghost": rules.ghost,
        },
        "sources": [_source(census, source) for source in census.sources],
        "pages": page_counts(census),
        "algorithms": {
            measured.algorithm: _algorithm(estimate, measured) for measured in census.measured
        },
        "systems": [_system(estimate, entry) for entry in estimate.systems],
        "dedup": {
            "histogram": [asdict(bucket) for bucket in histogram(census)],
            "top": [asdict(example) for example in estimate.top],
            "shared_between_sources_pages": shared_between_sources(census),
        },
        "groups": [asdict(group) for group in estimate.groups],
        "verify": [asdict(check) | {"difference": check.difference} for check in estimate.checks()],
    }


def unreadable(census: Census, source: SourceRows) -> int:
    """Pages of a source that were promised and not had."""
    rows = census.had[source.first : source.first + source.pages]
    return source.facts.unreadable + int(np.count_nonzero(~rows))


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
    data = int(contents.pages[contents.data].sum())
    distinct = int(np.count_nonzero(contents.data))
    return {
        "total": census.total,
        "zero": int(contents.pages[contents.zero].sum()),
        "same_filled": int(contents.pages[contents.same_filled].sum()),
        "data": data,
        "distinct": distinct,
        "duplicate": data - distinct,
    }


def _algorithm(estimate: Estimate, measured: Measured) -> dict[str, Any]:
    census, cost = estimate.census, measured.cost
    pages = population(census, measured)
    sizes = pages.data.pages if pages is not None else np.zeros(census.page_size + 2)
    compressed = float(sizes.sum())
    payload = np.minimum(np.arange(len(sizes)), census.page_size)
    return {
        "compressed_pages": int(np.count_nonzero(measured.sizes)),
        "mean_bytes": float(sizes @ payload) / compressed if compressed else 0.0,
        "incompressible_pages": round(float(sizes[census.page_size :].sum())),
        "compress_ns_per_page": round(cost.compress_ns) if cost else None,
        "decompress_ns_per_page": round(cost.decompress_ns) if cost else None,
        "relative_error": estimate.relative_error(System.ZRAM, measured),
        "confidence": 1.0 if census.sample is None else CONFIDENCE,
    }


def _system(estimate: Estimate, system: Figures) -> dict[str, Any]:
    measured = estimate.measured(system.algorithm)
    entry: dict[str, Any] = {
        "system": str(system.system),
        "algorithm": system.algorithm,
        "pages_stored": system.pages_stored,
        "same_pages": system.same_pages,
        "huge_pages": system.huge_pages,
        "compressed_bytes": system.compressed_bytes,
        "pool_bytes": system.pool_bytes,
        "metadata_bytes": system.metadata_bytes,
        "refused_pages": system.refused_pages,
        "ram_bytes": system.ram_bytes,
        "saved_bytes": system.saved_bytes,
        "ratio": system.ratio,
        "relative_error": estimate.relative_error(system.system, measured) if measured else 0.0,
    }
    if system.sharing is not None:
        entry |= asdict(system.sharing)
    return entry
