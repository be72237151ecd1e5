"""What an estimate's JSON says of each system, as far as a plan needs it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ghostswap.errors import GhostswapError
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.kernel.ksm import MAX_PAGE_SHARING
from ghostswap.kernel.rules import Rules, rules_for
from ghostswap.kernel.slots import lookup
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zsmalloc import HANDLE_BYTES
from ghostswap.kernel.zswap import Allocator
from ghostswap.plan.sizing import Measure, is_zram
from ghostswap.report.estimate import SCHEMA
from ghostswap.systems.footprint import System

_KNOWN_BEGIN = 4096
_LARGEST = 2**63  # bytes and pages beyond this are no figures of any machine


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is made from: one algorithm's measures, and whose rules they follow."""

    name: str
    rules: Rules
    page_size: int
    partial: bool
    algorithm: str | None
    measures: Mapping[System, Measure]

    def measure(self, system: System) -> Measure:
        """The measure of `system`; GhostswapError where there is none."""
        if system not in self.measures:
            known = ", ".join(self.measures)
            raise GhostswapError(self.name, f"says nothing of {system}; it has {known}")
        return self.measures[system]

    def beside(self, system: System) -> tuple[Measure | None, Measure | None]:
        """The measures under zswap and under zram that go with `system`, with dedup or without;
        None for one that takes no page."""
        pairs = {
            System.ZRAM: (System.ZSWAP, System.ZRAM),
            System.ZSWAP: (System.ZSWAP, System.ZRAM),
            System.ZRAM_DEDUP: (System.ZSWAP_DEDUP, System.ZRAM_DEDUP),
            System.ZSWAP_DEDUP: (System.ZSWAP_DEDUP, System.ZRAM_DEDUP),
            System.KSM: (System.KSM, System.ZRAM_DEDUP),
        }
        zswap, zram = pairs[system]
        return self.measures.get(zswap), self.measures.get(zram)


def looks_like_json(begin: bytes) -> bool:
    """Whether a file that begins so is text that opens a JSON object or array, not pages."""
    text = begin[:_KNOWN_BEGIN]
    if text.lstrip()[:1] not in (b"{", b"["):
        return False
    return not any(byte < 0x20 and byte not in b"\t\n\r" for byte in text)


def parse_estimate(text: str | bytes, name: str) -> dict[str, Any]:
    """The estimate that `text` holds; GhostswapError, at `name`, for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not readable as JSON"
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise GhostswapError(name, f"damaged JSON: {reason}{place}") from None
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema == SCHEMA:
        return dict(found)
    if isinstance(schema, str) and schema.startswith("ghostswap."):
        raise GhostswapError(name, f"its schema is {schema}, and only {SCHEMA} will do")
    raise GhostswapError(name, "not an estimate: make one with 'ghostswap estimate-dedup --json'")


def basis_of(document: Mapping[str, Any], name: str, algorithm: str | None) -> Basis:
    """The measures of `algorithm`, by default the first one, in an estimate.

    Raises GhostswapError, at `name`, where the estimate lacks what it should hold.
    """
    try:
        return _read(_Fields(document), name, algorithm)
    except _BadFieldError as error:
        raise GhostswapError(name, f"a damaged estimate: {error}") from None


def _read(estimate: "_Fields", name: str, algorithm: str | None) -> Basis:
    rules = _rules(estimate)
    page_size = estimate.page_size("page_size")
    total = estimate.inner("pages").whole("total")
    if total == 0:
        raise GhostswapError(name, "an estimate of no pages: nothing to size by")
    rows = estimate.rows("systems")
    chosen = _chosen(rows, name, algorithm)
    reader = _Reader(rules, page_size, chosen, total)
    by_system = {
        System(row.text("system")): row
        for row in rows
        if row.text("system") in list(System)
        and (not row.has("algorithm") or row.text("algorithm") == chosen)
    }
    ksm = by_system.pop(System.KSM, None)
    measures = {
        system: measure
        for system, row in by_system.items()
        if (measure := reader.compressed(system, row)) is not None
    }
    if not measures:
        raise GhostswapError(name, f"every page is refused under {chosen}: nothing to size")
    if ksm is not None and (merged := reader.merged(ksm, measures)) is not None:
        measures[System.KSM] = merged
    return Basis(name, rules, page_size, estimate.flag("partial"), chosen, measures)


def _rules(estimate: "_Fields") -> Rules:
    """The rules that an estimate followed, as far as a plan depends on them; those of its kernel's
    defaults where it does not say."""
    version = estimate.kernel("kernel")
    if not estimate.has("rules"):
        return rules_for(version, {})
    said = estimate.inner("rules")
    chain_size = said.whole("chain_size", least=4)
    if chain_size > 16:  # mm/Kconfig, ZSMALLOC_CHAIN_SIZE
        raise _BadFieldError("chain_size is not from 4 to 16")
    try:
        allocator = Allocator(said.text("zpool"))
    except ValueError:
        raise _BadFieldError("zpool is none that is known") from None
    return Rules(version, allocator, chain_size, said.whole("zram_entry_bytes", least=1))


def _chosen(rows: "list[_Fields]", name: str, algorithm: str | None) -> str:
    """`algorithm` if something was compressed by it; the first one there where it is None."""
    names = list(dict.fromkeys(row.text("algorithm") for row in rows if row.has("algorithm")))
    if not names:
        raise GhostswapError(name, "an estimate without compressed sizes")
    if algorithm is None:
        return names[0]
    if algorithm not in names:
        known = ", ".join(names)
        raise GhostswapError(name, f"nothing in it was compressed by {algorithm}, but by {known}")
    return algorithm


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns rows of `systems` into measures."""

    rules: Rules
    page_size: int
    algorithm: str
    total: int

    def compressed(self, system: System, row: "_Fields") -> Measure | None:
        """zram's or zswap's row; None where all pages are refused."""
        entries = row.whole("pages_stored")
        refused = row.whole("refused_pages") if row.has("refused_pages") else 0
        pages = self.total - refused
        if pages <= 0:
            return None
        found = sum(cost.bytes_per_slot for cost in lookup(self.rules.version))
        elsewhere = self.rules.zram_entry_bytes if is_zram(system) else found
        return Measure(
            system,
            self.algorithm,
            self.page_size,
            pages=pages,
            slots=pages,
            entries=min(entries, pages),
            pool_bytes=row.whole("pool_bytes"),
            slack_bytes=self._slack(system, row),
            metadata_bytes=max(0, row.whole("metadata_bytes") - round(entries * elsewhere)),
            refused_pages=refused,
            error=row.number("relative_error"),
        )

    def _slack(self, system: System, row: "_Fields") -> int:
        """What zspages that are not full may take: half a zspage of every class, and no more than
        the pool exceeds what it holds. What zbud wastes stays wasted, however many pages come."""
        if self.rules.allocator is not Allocator.ZSMALLOC and not is_zram(system):
            return 0
        half = int(self.rules.classes(self.page_size).pages.sum()) * self.page_size // 2
        return max(0, min(half, row.whole("pool_bytes") - row.whole("compressed_bytes")))

    def merged(self, ksm: "_Fields | None", measures: Mapping[System, Measure]) -> Measure | None:
        """zswap behind KSM: merged pages share one slot and one compressed copy."""
        plain, dedup = measures.get(System.ZSWAP), measures.get(System.ZSWAP_DEDUP)
        if ksm is None or plain is None or dedup is None:
            return None
        slots = max(1, ksm.whole("pages_stored") - plain.refused_pages)
        # Pages in the zeromap have no entry; KSM merges them too.
        zero = -(-(plain.slots - plain.entries) // MAX_PAGE_SHARING)
        entries = max(0, slots - zero)
        own = plain.metadata_bytes * entries // plain.entries if plain.entries else 0
        return Measure(
            System.KSM,
            self.algorithm,
            self.page_size,
            pages=max(plain.pages, slots),
            slots=slots,
            entries=entries,
            pool_bytes=dedup.pool_bytes,
            slack_bytes=dedup.slack_bytes,
            metadata_bytes=own + ksm.whole("metadata_bytes"),
            refused_pages=plain.refused_pages,
            error=plain.error,
        )


def ratio_basis(ratio: float, page_size: int, rules: Rules) -> Basis:
    """A basis from a stated ratio of memory to the pool that holds it compressed.

    Every page is taken to need an entry: how many are zero is not known.
    """
    pages = 1_000_000  # so many that a ratio keeps six digits
    kept = {System.ZSWAP: rules.zswap_entry_bytes + HANDLE_BYTES, System.ZRAM: HANDLE_BYTES}
    measures = {
        system: Measure(
            system,
            None,
            page_size,
            pages=pages,
            slots=pages,
            entries=pages,
            pool_bytes=max(1, round(pages * page_size / ratio)),
            slack_bytes=0,
            metadata_bytes=round(pages * each),
            refused_pages=0,
            error=0.0,
        )
        for system, each in kept.items()
    }
    name = f"a stated ratio of {ratio:g}"
    return Basis(name, rules, page_size, False, None, measures)


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

    def whole(self, key: str, least: int = 0) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < _LARGEST:
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

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str):
            raise _BadFieldError(f"{key} is no text")
        return value

    def flag(self, key: str) -> bool:
        return self.has(key) and self.values[key] is True

    def kernel(self, key: str) -> KernelVersion:
        try:
            return KernelVersion.parse(self.text(key))
        except ValueError:
            raise _BadFieldError(f"{key} is no kernel version") from None

    def inner(self, key: str) -> "_Fields":
        return _Fields(self._get(key))

    def rows(self, key: str) -> "list[_Fields]":
        found = self._get(key)
        if not isinstance(found, list):
            raise _BadFieldError(f"{key} is no list")
        return [_Fields(row) for row in found]
