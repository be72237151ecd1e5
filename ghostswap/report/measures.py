"""What an estimate's JSON says of each system, as far as a plan needs it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ghostswap.errors import GhostswapError
from ghostswap.host.kernel import KernelVersion
from ghostswap.models.figures import System
from ghostswap.models.ksm import MAX_PAGE_SHARING
from ghostswap.models.plan import Measure, is_zram
from ghostswap.models.rules import Rules
from ghostswap.models.slots import lookup
from ghostswap.models.zsmalloc import HANDLE_BYTES
from ghostswap.report.estimate import SCHEMA

_KNOWN_BEGIN = 4096
_DEFAULT_ZRAM_ENTRY_BYTES = 16
_LARGEST = 2**63  # bytes and pages beyond this are no figures of any machine


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is made from: one algorithm's measures, and whose rules they follow."""

    name: str
    kernel: KernelVersion
    page_size: int
    zram_entry_bytes: int
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
    version = estimate.kernel("kernel")
    page_size = estimate.whole("page_size", least=1)
    rules = estimate.optional("rules")
    entry_bytes = _DEFAULT_ZRAM_ENTRY_BYTES
    if rules is not None:
        entry_bytes = rules.whole("zram_entry_bytes", least=1)
    total = estimate.inner("pages").whole("total")
    if total == 0:
        raise GhostswapError(name, "an estimate of no pages: nothing to size by")
    rows = estimate.rows("systems")
    names = list(dict.fromkeys(row.text("algorithm") for row in rows if row.has("algorithm")))
    if not names:
        raise GhostswapError(name, "an estimate without compressed sizes")
    if algorithm is not None and algorithm not in names:
        raise GhostswapError(name, f"nothing in it was compressed by {algorithm}; {_listed(names)}")
    chosen = algorithm if algorithm is not None else names[0]
    by_system = {
        row.system("system"): row
        for row in rows
        if not row.has("algorithm") or row.text("algorithm") == chosen
    }
    reader = _Reader(version, page_size, entry_bytes, chosen, total)
    measures: dict[System, Measure] = {
        system: measure
        for system, row in by_system.items()
        if system is not System.KSM and (measure := reader.compressed(system, row)) is not None
    }
    merged = reader.merged(by_system.get(System.KSM), measures)
    if merged is not None:
        measures[System.KSM] = merged
    if not measures:
        raise GhostswapError(name, f"every page is refused under {chosen}: nothing to size")
    return Basis(name, version, page_size, entry_bytes, estimate.flag("partial"), chosen, measures)


def _listed(names: list[str]) -> str:
    return f"it has {', '.join(names)}"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns rows of `systems` into measures."""

    version: KernelVersion
    page_size: int
    zram_entry_bytes: int
    algorithm: str
    total: int

    def compressed(self, system: System, row: "_Fields") -> Measure | None:
        """zram's or zswap's row; None where all pages are refused."""
        entries = row.whole("pages_stored")
        refused = row.whole("refused_pages") if row.has("refused_pages") else 0
        pages = self.total - refused
        if pages <= 0:
            return None
        found = sum(cost.bytes_per_slot for cost in lookup(self.version))
        elsewhere = self.zram_entry_bytes if is_zram(system) else found
        return Measure(
            system,
            self.algorithm,
            self.page_size,
            pages=pages,
            slots=pages,
            entries=min(entries, pages),
            pool_bytes=row.whole("pool_bytes"),
            metadata_bytes=max(0, row.whole("metadata_bytes") - round(entries * elsewhere)),
            refused_pages=refused,
            error=row.number("relative_error"),
        )

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
            metadata_bytes=own + ksm.whole("metadata_bytes"),
            refused_pages=plain.refused_pages,
            error=plain.error,
        )


def ratio_basis(ratio: float, page_size: int, rules: Rules) -> Basis:
    """A basis from a stated ratio of memory to the pool that holds it compressed.

    Every page is taken to need an entry: how many are zero is not known.
    """
    pages = 1_000_000  # so many that a ratio keeps six digits
    found = sum(cost.bytes_per_slot for cost in lookup(rules.version))
    kept = {System.ZSWAP: rules.zswap_entry_bytes - found + HANDLE_BYTES, System.ZRAM: HANDLE_BYTES}
    measures = {
        system: Measure(
            system,
            None,
            page_size,
            pages=pages,
            slots=pages,
            entries=pages,
            pool_bytes=max(1, round(pages * page_size / ratio)),
            metadata_bytes=round(pages * each),
            refused_pages=0,
            error=0.0,
        )
        for system, each in kept.items()
    }
    name = f"a stated ratio of {ratio:g}"
    return Basis(name, rules.version, page_size, rules.zram_entry_bytes, False, None, measures)


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

    def system(self, key: str) -> System:
        try:
            return System(self.text(key))
        except ValueError:
            raise _BadFieldError(f"{key} is none that is known") from None

    def inner(self, key: str) -> "_Fields":
        return _Fields(self._get(key))

    def optional(self, key: str) -> "_Fields | None":
        return self.inner(key) if self.has(key) else None

    def rows(self, key: str) -> "list[_Fields]":
        found = self._get(key)
        if not isinstance(found, list):
            raise _BadFieldError(f"{key} is no list")
        return [_Fields(row) for row in found]
