"""An estimate that comes from a file or a pipe: read within bounds, and held against itself.

Anybody may have written it. What is planned with has sums that are right, sizes that its pages can
have, and compressors that Linux knows; anything else is damaged, in one line.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.kernel.algorithm import Algorithm, variant_of
from ghostswap.systems.footprint import System
from ghostswap.units import format_size

LARGEST_BYTES = 16 << 20
"""No estimate is longer, except with a --top that no plan needs."""

_MOST_VALUES = 1 << 20  # in JSON; each takes up to 200 bytes of memory, however short its text
_ALL_MEMORY = 1 << 63  # bytes; more is no memory of any machine
_SMALLEST_OBJECT = 32  # bytes of pool a compressed page takes at least: ZS_MIN_ALLOC_SIZE
_POOL_SLACK_PAGES = 1 << 14  # above any number of zspages that are not full: 255 classes of 16
_SIGNED = ("saved_bytes", "general_profit")
_SUMS = (("total", ("zero", "same_filled", "data")), ("data", ("distinct", "duplicate")))
_AT_MOST = (
    ("pages_stored and refused_pages", "all pages"),
    ("same_pages", "all pages"),
    ("huge_pages", "pages_stored"),
    ("compressed_bytes", "pool_bytes"),
    ("the least that its contents take", "pool_bytes"),
    ("pool_bytes", "the most that its pages take"),
    ("pool_bytes", "ram_bytes"),
    ("metadata_bytes", "ram_bytes"),
    ("saved_bytes and ram_bytes", "all memory"),
    ("all memory", "saved_bytes and ram_bytes"),
    ("recompressed_pages", "all pages"),
    ("refused_thp_pages", "refused_pages"),
    ("zeromap_pages", "same_pages"),
    ("pages_shared", "all pages"),
    ("pages_sharing", "all pages"),
)


def read_file(path: Path) -> bytes:
    """The text of an estimate in the regular file at `path`; GhostswapError for anything else."""
    try:
        # Without waiting for the writer of a FIFO, which is then refused.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise GhostswapError(path, "no regular file; an estimate may also come by pipe: -")
            return read_stream(file, str(path))
    except OSError as error:
        raise GhostswapError(path, os_reason(error)) from None


def read_stream(stream: BinaryIO, name: str, begin: bytes = b"") -> bytes:
    """The text of an estimate: `begin` and what follows it in `stream`, all of it in memory.

    GhostswapError, at `name`, where it is longer than LARGEST_BYTES or of more values than memory
    should hold.
    """
    text = begin + stream.read(LARGEST_BYTES + 1 - len(begin))
    if len(text) > LARGEST_BYTES:
        limit = format_size(LARGEST_BYTES)
        raise GhostswapError(name, f"longer than {limit}, and no estimate is (but by --top)")
    if sum(map(text.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise GhostswapError(name, f"more than {_MOST_VALUES} values: no estimate has so many")
    return text


def check(document: Mapping[str, Any], name: str) -> None:
    """Raise GhostswapError, at `name`, where figures of an estimate contradict each other, or it
    names a compressor that no Linux has.

    What is missing, or of another type, is left to who reads it.
    """
    rows = document.get("systems")
    systems = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    # A system that is not known here, as a later version may add, is not planned with.
    systems = [row for row in systems if row.get("system") in list(System)]
    for wrong in (_wrong_pages(document), *(_wrong_system(document, row) for row in systems)):
        if wrong is not None:
            raise GhostswapError(name, f"a damaged estimate: {wrong}")


def _wrong_pages(document: Mapping[str, Any]) -> str | None:
    counts, page_size = _numbers(document.get("pages")), _numbers(document).get("page_size", 1)
    if any(number < 0 for number in counts.values()):
        return "pages: less than none"
    if counts.get("total", 0) * page_size > _ALL_MEMORY:
        return f"pages: {counts['total']} are more than any machine has"
    of_dumps = _numbers(document.get("coverage")).get("dump_zero_pages", 0)
    if of_dumps > counts.get("zero", of_dumps):
        return f"pages: zero is {counts['zero']}, and in dumps alone {of_dumps}"
    for whole, parts in _SUMS:
        if counts.keys() >= {whole, *parts} and counts[whole] != sum(
            counts[part] for part in parts
        ):
            return f"pages: {whole} is {counts[whole]}, and not {' + '.join(parts)}"
    return None


def _wrong_system(document: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    system, algorithm = row.get("system"), row.get("algorithm")
    if isinstance(algorithm, str):
        try:
            Algorithm.parse(variant_of(algorithm)[0])
        except ValueError as error:
            return str(error)
    counts, page_size = _numbers(document.get("pages")), _numbers(document).get("page_size")
    figures = _numbers(row)
    if any(number < 0 for key, number in figures.items() if key not in _SIGNED):
        return f"{system}: a figure below 0"
    total, distinct = counts.get("total"), counts.get("distinct")
    if page_size is None or total is None or distinct is None:
        return None
    refused, stored = figures.get("refused_pages", 0), figures.get("pages_stored", 0)
    known = figures | {
        "all pages": total,
        "pages_stored and refused_pages": stored + refused,
        "the least that its contents take": (distinct - refused) * _SMALLEST_OBJECT,
        "the most that its pages take": (stored + _POOL_SLACK_PAGES) * page_size,
        "all memory": total * page_size,
    }
    known |= _numbers(row.get("recompression"))
    if figures.keys() >= {"saved_bytes", "ram_bytes"}:
        known["saved_bytes and ram_bytes"] = figures["saved_bytes"] + figures["ram_bytes"]
    for smaller, larger in _AT_MOST:
        if smaller in known and larger in known and known[smaller] > known[larger]:
            return f"{system}: {smaller} ({known[smaller]}) above {larger} ({known[larger]})"
    return None


def _numbers(values: object) -> dict[str, int]:
    """The whole numbers among the values of a JSON object."""
    if not isinstance(values, dict):
        return {}
    return {
        key: value
        for key, value in values.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
