"""The systems side by side as they stand in an estimate's JSON, written and read back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ghostswap.census.coverage import Coverage
from ghostswap.census.idle_share import IdleMemory
from ghostswap.errors import GhostswapError
from ghostswap.kernel.algorithm import Algorithm, Variant, variant_of
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.kernel.ksm import general_profit
from ghostswap.kernel.recompression import Pages
from ghostswap.kernel.rules import Rules, rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zswap import Allocator
from ghostswap.report.fields import Field, as_json, ratio, share, size
from ghostswap.systems.comparison import Comparison
from ghostswap.systems.footprint import Footprint, Recompressed, Sharing, System
from ghostswap.systems.table import SYSTEMS, Pool

SCHEMA = "ghostswap.estimate/1"
_KNOWN_BEGIN = 4096
_LARGEST = 2**63  # bytes and pages beyond this are no figures of any machine


FOOTPRINT: tuple[Field[Footprint], ...] = (
    Field("system", "System", lambda row: str(row.system)),
    Field("algorithm", "Algorithm", lambda row: row.name),
    Field("pages_stored", "", lambda row: row.pages_stored),
    Field("same_pages", "", lambda row: row.same_pages),
    Field("zeromap_pages", "", lambda row: row.zeromap_pages),
    Field("huge_pages", "", lambda row: row.huge_pages),
    Field("compressed_bytes", "", lambda row: row.compressed_bytes),
    Field("pool_bytes", "Pool", lambda row: row.pool_bytes, size),
    Field("slack_bytes", "", lambda row: row.slack_bytes),
    Field("metadata_bytes", "Metadata", lambda row: row.metadata_bytes, size),
    Field("lookup_bytes", "", lambda row: row.lookup_bytes),
    Field("refused_pages", "", lambda row: row.refused_pages),
    Field("refused_thp_pages", "", lambda row: row.refused_thp_pages),
    Field("ram_bytes", "RAM", lambda row: row.ram_bytes, size),
    Field("saved_bytes", "Saved", lambda row: row.saved_bytes, size),
    Field("ratio", "Ratio", lambda row: row.ratio, ratio),
    Field("relative_error", "Error", lambda row: row.relative_error, share),
)
"""A system's row, in every form of output."""


def document(comparison: Comparison) -> dict[str, Any]:
    """The keys of an estimate that read() takes: plain data for JSON."""
    rules = comparison.rules
    return {
        "schema": SCHEMA,
        "page_size": comparison.page_size,
        "partial": comparison.partial,
        "kernel": str(rules.version),
        "rules": {
            "zpool": str(rules.allocator),
            "chain_size": rules.chain_size,
            "zram_entry_bytes": rules.zram_entry_bytes,
            "same_filled": str(rules.same_filled),
            "writeback": rules.writeback,
            "ghost": rules.ghost,
            "whole_huge_pages": rules.whole_huge_pages,
        },
        "pages": {"total": comparison.total_pages, "zero": comparison.zero_pages},
        "coverage": asdict(comparison.coverage),
        "systems": [_row(footprint) for footprint in comparison.footprints],
        "idle": None if comparison.idle is None else asdict(comparison.idle),
    }


def _row(footprint: Footprint) -> dict[str, Any]:
    sharing = {} if footprint.sharing is None else asdict(footprint.sharing)
    row = as_json(FOOTPRINT, footprint) | sharing
    if footprint.recompression is not None:
        row["recompression"] = asdict(footprint.recompression)
    return row


def looks_like_json(begin: bytes) -> bool:
    """Whether a file that begins so is text that opens a JSON object or array, not pages."""
    text = begin[:_KNOWN_BEGIN]
    if text.lstrip()[:1] not in (b"{", b"["):
        return False
    return not any(byte < 0x20 and byte not in b"\t\n\r" for byte in text)


def parse_estimate(text: str | bytes, name: str) -> dict[str, Any]:
    """The estimate that `text` holds; GhostswapError, at `name`, for anything else."""
    try:
        estimate = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not readable as JSON"
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise GhostswapError(name, f"damaged JSON: {reason}{place}") from None
    schema = estimate.get("schema") if isinstance(estimate, dict) else None
    if schema == SCHEMA:
        return dict(estimate)
    if isinstance(schema, str) and schema.startswith("ghostswap."):
        raise GhostswapError(name, f"its schema is {schema}, and only {SCHEMA} will do")
    raise GhostswapError(name, "not an estimate: make one with 'ghostswap estimate-dedup --json'")


def read(document: Mapping[str, Any], name: str) -> Comparison:
    """What document() wrote; GhostswapError, at `name`, where it lacks what it should hold.

    Earlier versions left out slack_bytes and lookup_bytes, which then follow from the rules.
    """
    try:
        return _read(_Fields(document))
    except _BadFieldError as error:
        raise GhostswapError(name, f"a damaged estimate: {error}") from None


def _read(estimate: "_Fields") -> Comparison:
    rules = _rules(estimate)
    page_size = estimate.page_size("page_size")
    total = estimate.inner("pages").whole("total")
    footprints = tuple(
        _footprint(row, rules, page_size, total)
        for row in estimate.rows("systems")
        if row.text("system") in list(System)
    )
    idle = _idle(estimate.inner("idle")) if estimate.has("idle") else None
    return Comparison(
        rules,
        page_size,
        total,
        estimate.flag("partial"),
        footprints,
        idle,
        estimate.inner("pages").whole("zero", absent=0),
        _coverage(estimate),
    )


def _coverage(estimate: "_Fields") -> Coverage:
    """What the estimate says of it; of an earlier version, what its sources say."""
    if estimate.has("coverage"):
        coverage = estimate.inner("coverage")
        return Coverage(*(coverage.whole(field.name) for field in fields(Coverage)))
    sources = estimate.rows("sources") if estimate.has("sources") else []
    dumps = any(source.text("kind") != "process" for source in sources)
    return Coverage(
        sum(source.whole("swapped_pages", absent=0) for source in sources),
        sum(source.whole("unreadable_pages", absent=0) for source in sources),
        estimate.inner("pages").whole("zero", absent=0) if dumps else 0,
    )


def _idle(idle: "_Fields") -> IdleMemory:
    return IdleMemory(
        idle.amount("seconds"),
        idle.text("tracker"),
        idle.whole("total_pages"),
        idle.number("share"),
        idle.number("share_error"),
    )


def _rules(estimate: "_Fields") -> Rules:
    """The rules that an estimate followed; those of its kernel's defaults where it does not say."""
    version = estimate.kernel("kernel")
    if not estimate.has("rules"):
        return rules_for(version, {})
    rules = estimate.inner("rules")
    chain_size = rules.whole("chain_size", least=4)
    if chain_size > 16:  # mm/Kconfig, ZSMALLOC_CHAIN_SIZE
        raise _BadFieldError("chain_size is not from 4 to 16")
    try:
        allocator = Allocator(rules.text("zpool"))
    except ValueError:
        raise _BadFieldError("zpool is none that is known") from None
    return Rules(
        version,
        allocator,
        chain_size,
        rules.whole("zram_entry_bytes", least=1),
        writeback=rules.flag("writeback", absent=True),
        ghost=rules.flag("ghost"),
        whole_huge_pages=rules.flag("whole_huge_pages"),
    )


def _footprint(row: "_Fields", rules: Rules, page_size: int, total: int) -> Footprint:
    system = System(row.text("system"))
    pool = SYSTEMS[system].pool
    stored, pool_bytes = row.whole("pages_stored"), row.whole("pool_bytes")
    compressed_bytes, refused = row.whole("compressed_bytes"), row.whole("refused_pages", absent=0)
    match pool:
        case Pool.ZRAM:
            slack = rules.classes(page_size).slack_bytes(pool_bytes, compressed_bytes)
            lookup = stored * rules.zram_entry_bytes
        case Pool.ZSWAP:
            slack = rules.zswap_slack_bytes(page_size, pool_bytes, compressed_bytes)
            lookup = rules.zswap_lookup_bytes(stored)
        case Pool.PAGES:
            slack = lookup = 0
    lookup = row.whole("lookup_bytes", absent=lookup)
    algorithm, variant = None, Variant.ZRAM
    if SYSTEMS[system].compresses:
        algorithm, variant = row.algorithm("algorithm")
    return Footprint(
        system,
        algorithm,
        page_size,
        total_pages=total,
        pages_stored=stored,
        same_pages=row.whole("same_pages", absent=0),
        huge_pages=row.whole("huge_pages", absent=0),
        refused_pages=refused,
        compressed_bytes=compressed_bytes,
        pool_bytes=pool_bytes,
        slack_bytes=row.whole("slack_bytes", absent=slack),
        entry_bytes=max(0, row.whole("metadata_bytes") - lookup),
        lookup_bytes=lookup,
        zeromap_pages=row.whole("zeromap_pages", absent=0),
        refused_thp_pages=row.whole("refused_thp_pages", absent=0),
        kept_bytes=rules.kept_bytes(refused, page_size),
        relative_error=row.amount("relative_error"),
        sharing=None if pool is not Pool.PAGES else _sharing(row, total - stored, total, page_size),
        recompression=_recompression(row) if SYSTEMS[system].recompresses else None,
        variant=variant,
    )


def _sharing(row: "_Fields", merged: int, total: int, page_size: int) -> Sharing:
    sharing = row.whole("pages_sharing", absent=max(merged, 0))
    profit = row.integer("general_profit", absent=general_profit(sharing, total, page_size))
    return Sharing(row.whole("pages_shared", absent=0), sharing, profit)


def _recompression(row: "_Fields") -> Recompressed:
    fields = row.inner("recompression")
    algorithm = fields.text("algorithm")
    try:
        Algorithm.parse(algorithm)
        pages = Pages(fields.text("pages"))
    except ValueError as error:
        raise _BadFieldError(f"recompression: {error}") from None
    return Recompressed(
        algorithm,
        pages,
        fields.whole("threshold"),
        fields.whole("recompressed_pages"),
    )


class _BadFieldError(Exception):
    """A key of a document is missing or holds what it cannot."""


@dataclass(frozen=True, slots=True)
class _Fields:
    """A JSON object of which each value is read as the type that it must have."""

    values: Any

    def has(self, key: str) -> bool:
        """True when `key` is there and not null."""
        return isinstance(self.values, dict) and self.values.get(key) is not None

    def _get(self, key: str) -> Any:
        if not self.has(key):
            raise _BadFieldError(f"no {key}")
        return self.values[key]

    def whole(self, key: str, least: int = 0, absent: int | None = None) -> int:
        value = self.integer(key, absent)
        if value < least:
            raise _BadFieldError(f"{key} is no count")
        return value

    def integer(self, key: str, absent: int | None = None) -> int:
        value = absent if absent is not None and not self.has(key) else self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= _LARGEST:
            raise _BadFieldError(f"{key} is no count")
        return value

    def page_size(self, key: str) -> int:
        value = self.whole(key)
        if value not in PAGE_SIZES:
            raise _BadFieldError(f"{key} is no page size of Linux")
        return value

    def number(self, key: str) -> float:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _BadFieldError(f"{key} is not between 0 and 1")
        return float(value)

    def amount(self, key: str) -> float:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _BadFieldError(f"{key} is no amount")
        if not 0 <= value < _LARGEST:
            raise _BadFieldError(f"{key} is no amount")
        return float(value)

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str):
            raise _BadFieldError(f"{key} is no text")
        return value

    def flag(self, key: str, absent: bool = False) -> bool:
        return self.values[key] is True if self.has(key) else absent

    def kernel(self, key: str) -> KernelVersion:
        try:
            return KernelVersion.parse(self.text(key))
        except ValueError:
            raise _BadFieldError(f"{key} is no kernel version") from None

    def algorithm(self, key: str) -> tuple[str, Variant]:
        try:
            return variant_of(self.text(key))
        except ValueError as error:
            raise _BadFieldError(f"{key}: {error}") from None

    def inner(self, key: str) -> "_Fields":
        return _Fields(self._get(key))

    def rows(self, key: str) -> "list[_Fields]":
        rows = self._get(key)
        if not isinstance(rows, list):
            raise _BadFieldError(f"{key} is no list")
        return [_Fields(row) for row in rows]
