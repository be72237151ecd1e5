"""The result of an estimate as plain data: what the JSON document holds, key by key."""

from typing import Any

import numpy as np

from ghostswap.census.table import Census, Measured, SourceRows
from ghostswap.models.figures import Figures
from ghostswap.models.ksm import ksm
from ghostswap.models.population import copies, population
from ghostswap.models.zram import zram, zram_dedup
from ghostswap.models.zsmalloc import size_classes
from ghostswap.models.zswap import zswap, zswap_dedup

SCHEMA = "ghostswap.estimate/1"


def figures(census: Census) -> list[Figures]:
    """Every system's figures for the census; without those whose pages are not known yet."""
    classes = size_classes(census.page_size)
    found = []
    for measured in census.measured:
        pages = population(census, measured)
        if pages is not None:
            found += [model(pages, classes) for model in (zram, zram_dedup, zswap, zswap_dedup)]
    return [*found, ksm(copies(census.contents), census.page_size)]


def document(census: Census, systems: list[Figures], kernel: str) -> dict[str, Any]:
    """The estimate as the JSON document that the contract describes."""
    return {
        "schema": SCHEMA,
        "page_size": census.page_size,
        "mode": "exact",
        "partial": census.partial,
        "kernel": kernel,
        "sources": [_source(census, source) for source in census.sources],
        "pages": page_counts(census),
        "algorithms": {
            measured.algorithm: _algorithm(census, measured) for measured in census.measured
        },
        "systems": [system_entry(entry, _error_of(census, entry)) for entry in systems],
        "dedup": {
            "histogram": histogram(census),
            "top": [],
            "shared_between_sources_pages": shared_between_sources(census),
        },
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


def _algorithm(census: Census, measured: Measured) -> dict[str, Any]:
    pages, cost = population(census, measured), measured.cost
    sizes = pages.data.pages if pages is not None else np.zeros(census.page_size + 2)
    compressed = float(sizes.sum())
    payload = np.minimum(np.arange(len(sizes)), census.page_size)
    return {
        "compressed_pages": int(np.count_nonzero(measured.sizes)),
        "mean_bytes": float(sizes @ payload) / compressed if compressed else 0.0,
        "incompressible_pages": round(float(sizes[census.page_size :].sum())),
        "compress_ns_per_page": round(cost.compress_ns) if cost else None,
        "decompress_ns_per_page": round(cost.decompress_ns) if cost else None,
        "relative_error": measured.relative_error,
        "confidence": 1.0,
    }


def _error_of(census: Census, system: Figures) -> float:
    for measured in census.measured:
        if measured.algorithm == system.algorithm:
            return measured.relative_error
    return 0.0


def system_entry(system: Figures, relative_error: float) -> dict[str, Any]:
    """One system's figures under the contract's keys."""
    entry: dict[str, Any] = {
        "system": str(system.system),
        "algorithm": system.algorithm,
        "pages_stored": system.pages_stored,
        "same_pages": system.same_pages,
        "huge_pages": system.huge_pages,
        "compressed_bytes": system.compressed_bytes,
        "pool_bytes": system.pool_bytes,
        "metadata_bytes": system.metadata_bytes,
        "ram_bytes": system.ram_bytes,
        "saved_bytes": system.saved_bytes,
        "ratio": system.ratio,
        "relative_error": relative_error,
    }
    if system.sharing is not None:
        entry["pages_shared"] = system.sharing.pages_shared
        entry["pages_sharing"] = system.sharing.pages_sharing
    return entry


def histogram(census: Census) -> list[dict[str, int]]:
    """How many data contents are there 1, 2–3, 4–7, … times: `copies` is the bucket's lower end."""
    pages = census.contents.pages[census.contents.data]
    bucket = np.floor(np.log2(pages)).astype(np.int64)
    return [
        {
            "copies": 1 << power,
            "contents": int(np.count_nonzero(bucket == power)),
            "pages": int(pages[bucket == power].sum()),
        }
        for power in np.unique(bucket).tolist()
    ]


def shared_between_sources(census: Census) -> int:
    """Data pages that dedup over all sources saves beyond dedup inside each source alone."""
    if len(census.sources) < 2:
        return 0
    contents = census.contents
    data = contents.hash[contents.data]
    within = 0
    for source in census.sources:
        rows = slice(source.first, source.first + source.pages)
        hashes = np.unique(census.hash[rows][census.had[rows]])
        within += int(np.count_nonzero(np.isin(hashes, data, assume_unique=True)))
    return within - len(data)
