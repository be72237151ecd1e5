"""Which censuses there are, what each says of itself, and which of them count.

Only the ends of the files are read here; the rows are an engine's business.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ghostswap.census.codecs import is_known
from ghostswap.census.columns import ZERO
from ghostswap.census.coverage import of_dump
from ghostswap.census.parquet import COLUMNS, HASHES, MAGIC, SCHEMA, pyarrow
from ghostswap.errors import GhostswapError, os_reason
from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.units import listed

_MOST_PAGES = 1 << 38  # 1 PiB of 4 KiB pages, so that no sum over a fleet leaves 64 bits
_LONGEST_HOST = 253  # a name in the DNS
_LARGEST_FOOTER = 64 << 20
_TYPES = {
    "host": "string",
    "taken": "timestamp[us, tz=UTC]",
    "kernel": "string",
    "source": "int32",
    "name": "string",
    "page": "int64",
    "pages": "int64",
    "kind": "int8",
    "hash": "int64",
    "copies": "int64",
    "weight": "int32",
}


@dataclass(frozen=True, slots=True)
class Totals:
    """All that one census counted, also where its file is a sample."""

    zero_pages: int
    same_filled_pages: int
    same_filled_contents: int
    data_pages: int
    data_contents: int

    @property
    def pages(self) -> int:
        """Pages of all kinds."""
        return self.zero_pages + self.same_filled_pages + self.data_pages

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.zero_pages + other.zero_pages,
            self.same_filled_pages + other.same_filled_pages,
            self.same_filled_contents + other.same_filled_contents,
            self.data_pages + other.data_pages,
            self.data_contents + other.data_contents,
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One census file: a host at a time, or a part of that."""

    path: Path
    host: str
    taken: datetime
    kernel: str
    ram_bytes: int
    page_size: int
    salt: str
    one_in: int
    rows: int
    hashes: int  # their checksum
    totals: Totals
    dump_zero_pages: int  # of the zero pages: a dump has them also for memory never touched
    algorithms: dict[str, float]  # and the relative error of each


@dataclass(frozen=True, slots=True)
class Host:
    """One host at one time, by all files of it."""

    parts: tuple[Part, ...]

    @property
    def name(self) -> str:
        """What the host is called."""
        return self.parts[0].host

    @property
    def taken(self) -> datetime:
        """When its censuses were taken."""
        return self.parts[0].taken

    @property
    def ram_bytes(self) -> int:
        """Its RAM, as the first of its files says."""
        return max(part.ram_bytes for part in self.parts)

    @property
    def totals(self) -> Totals:
        """What it counted; contents in several parts are in it several times."""
        parts = [part.totals for part in self.parts]
        return sum(parts[1:], start=parts[0])

    @property
    def dump_zero_pages(self) -> int:
        """Of its zero pages, those of dumps."""
        return sum(part.dump_zero_pages for part in self.parts)

    @property
    def algorithms(self) -> dict[str, float]:
        """Those that all its files have, with the largest error of each, in order of the first."""
        return {
            name: max(part.algorithms[name] for part in self.parts)
            for name in self.parts[0].algorithms
            if all(name in part.algorithms for part in self.parts)
        }

    @property
    def files(self) -> str:
        """The files, for a message."""
        return listed([str(part.path) for part in self.parts])


@dataclass(frozen=True, slots=True)
class Inventory:
    """The censuses that can be compared.

    `hosts` is each host at its newest time, by name; `earlier` each at the times before, oldest
    first. `left_out` names what could not be used, `notes` what is worth saying.
    """

    hosts: tuple[Host, ...]
    earlier: tuple[Host, ...]
    left_out: tuple[GhostswapError, ...]
    notes: tuple[str, ...]

    @property
    def page_size(self) -> int:
        """Bytes in a page, of all."""
        return self.hosts[0].parts[0].page_size

    @property
    def one_in(self) -> int:
        """Of the coarsest sample; 1 where there is none."""
        return max(part.one_in for host in self.hosts for part in host.parts)

    @property
    def algorithms(self) -> dict[str, float]:
        """Those that all have, with the largest error of each, in the order of the first."""
        return Host(tuple(part for host in self.hosts for part in host.parts)).algorithms


def census_files(paths: Sequence[Path]) -> list[Path]:
    """The files named, and those below the directories named whose names end in .parquet.

    Raises GhostswapError for a directory without any, or below which one cannot be read.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            below = _below(path)
            if not below:
                raise GhostswapError(path, "holds no census: no file of it ends in .parquet")
            files.update(dict.fromkeys(below))
        else:
            files[path] = None
    return list(files)


def _below(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise GhostswapError(error.filename or folder, os_reason(error)) from None

    return sorted(
        Path(directory, name)
        for directory, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if name.endswith(".parquet")
    )


def take_stock(paths: Sequence[Path], *, skip_bad: bool) -> Inventory:
    """What all these files are together; GhostswapError, naming the file, at the first that cannot
    be used with the others, or with `skip_bad` only where none can."""
    left_out: list[GhostswapError] = []
    readable: list[Part] = []
    for path in paths:
        try:
            readable.append(read_part(path))
        except GhostswapError as error:
            if not skip_bad:
                raise
            left_out.append(error)
    if not readable:
        raise left_out[0] if left_out else GhostswapError("fleet", "no census is named")
    parts: list[Part] = []
    usual = _usual(readable)
    for part in readable:
        try:
            _check_alike(part, usual)
            parts.append(part)
        except GhostswapError as error:
            if not skip_bad:
                raise
            left_out.append(error)
    parts, notes = _once_each(parts)
    hosts = _hosts(parts)
    at_odds = {host.name for host in hosts if not host.algorithms}
    for host in hosts:
        if not host.algorithms:
            left_out.append(GhostswapError(host.files, "have no algorithm in common"))
            if not skip_bad:
                raise left_out[-1]
    hosts = [host for host in hosts if host.name not in at_odds]
    if not hosts:
        raise left_out[-1]
    newest = {host.name: host for host in hosts}
    for name, lacking in _without_the_usual(newest):
        if not skip_bad:
            raise lacking
        left_out.append(lacking)
        del newest[name]
    for host in newest.values():
        if len(host.parts) > 1:
            notes.append(
                f"{host.name}: {len(host.parts)} censuses of {host.taken.isoformat()}, counted as "
                "parts of one"
            )
    return Inventory(
        tuple(newest.values()),
        tuple(host for host in hosts if newest.get(host.name, host) is not host),
        tuple(left_out),
        tuple(notes),
    )


def _hosts(parts: Sequence[Part]) -> list[Host]:
    """Each host at each time, by name and time."""
    together: dict[tuple[str, datetime], list[Part]] = {}
    for part in parts:
        together.setdefault((part.host, part.taken), []).append(part)
    return [Host(tuple(together[key])) for key in sorted(together)]


def _without_the_usual(newest: Mapping[str, Host]) -> list[tuple[str, GhostswapError]]:
    """Where no algorithm is in all hosts: those that lack the one that most have, and why they
    cannot be used with the others."""
    number = Counter(name for host in newest.values() for name in host.algorithms)
    ((usual, most),) = number.most_common(1)
    if most == len(newest):
        return []
    lacking = []
    for name, host in newest.items():
        if usual not in host.algorithms:
            why = f"has {', '.join(host.algorithms)}, and not {usual} as most"
            lacking.append((name, GhostswapError(host.files, why)))
    return lacking


def _once_each(parts: Sequence[Part]) -> tuple[list[Part], list[str]]:
    """Each census once, though a copy of its file be there as well."""
    kept: list[Part] = []
    known: dict[object, Part] = {}
    notes = []
    for part in parts:
        file = part.path.stat()
        same_file = (file.st_dev, file.st_ino)
        same_census = (part.host, part.taken, part.rows, part.totals, file.st_size)
        first = known.get(same_file) or known.get(same_census)
        if first is not None:
            notes.append(f"{part.path}: the same census as {first.path}, counted once")
            continue
        known[same_file] = known[same_census] = part
        kept.append(part)
    return kept, notes


def _usual(parts: Sequence[Part]) -> Part:
    """The first of those that are comparable with the most others."""
    alike = Counter((part.page_size, part.salt) for part in parts)
    (most, _), *_ = alike.most_common(1)
    return next(part for part in parts if (part.page_size, part.salt) == most)


def _check_alike(part: Part, usual: Part) -> None:
    if part.page_size != usual.page_size:
        sizes = f"{part.page_size} bytes, {usual.path} of {usual.page_size}"
        raise GhostswapError(part.path, f"has pages of {sizes}")
    if part.salt != usual.salt:
        why = f"was saved with another salt than {usual.path}: give all hosts one --salt-file"
        raise GhostswapError(part.path, why)


def read_part(path: Path) -> Part:
    """What the census at `path` says of itself; GhostswapError where it is none of a fleet's."""
    arrow, parquet = pyarrow()
    try:
        _check_ends(path)
        with parquet.ParquetFile(path) as file:
            return _part(path, file)
    except OSError as error:
        reason = os_reason(error) if error.errno else f"is no readable census: {_line(error)}"
        raise GhostswapError(path, reason) from None
    except RecursionError:
        raise GhostswapError(path, "is no readable census: nested too deep") from None
    except (
        arrow.ArrowException,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:
        raise GhostswapError(path, f"is no readable census: {_line(error)}") from None


def _check_ends(path: Path) -> None:
    """Whether the file begins and ends as Parquet does, with a footer of a sane length."""
    if not path.exists():
        path.stat()  # says why
    if not path.is_file():
        raise GhostswapError(path, "is no regular file")
    with path.open("rb") as file:
        begin = file.read(4)
        size = file.seek(0, 2)
        file.seek(max(size - 8, 0))
        end = file.read(8)
    if begin != MAGIC:
        raise ValueError("it is no Parquet file")
    if end[4:] != MAGIC:
        raise ValueError("it is cut off")
    if int.from_bytes(end[:4], "little") > min(size, _LARGEST_FOOTER):
        raise ValueError("its footer claims more than the file holds")


def _part(path: Path, file: Any) -> Part:
    schema = file.schema_arrow
    metadata = {key.decode(): value for key, value in (schema.metadata or {}).items()}
    schema_name = metadata.get("ghostswap.schema", b"").decode()
    if schema_name == "ghostswap.census/1":
        raise GhostswapError(
            path,
            "is of schema 1, which names no host: 'ghostswap estimate-dedup FILE --save NEW "
            "--host NAME' makes one that does",
        )
    if schema_name != SCHEMA:
        raise ValueError(f"its schema is {schema_name!r}, not {SCHEMA!r}")
    parameters = json.loads(metadata["ghostswap.parameters"])
    if parameters["sample"] is not None:
        raise GhostswapError(
            path, "was saved with --quick, so that most sizes are missing: use --one-in instead"
        )
    if parameters["partial"]:
        raise GhostswapError(path, "was interrupted: it holds a part of its host only")
    page_size = _whole(parameters["page_size"], "page_size")
    if page_size not in PAGE_SIZES:
        raise ValueError(f"pages of {page_size} bytes")
    algorithms = {
        _algorithm(name): _share(about["relative_error"])
        for name, about in parameters["algorithms"].items()
    }
    types = {**_TYPES, **dict.fromkeys(algorithms, "int32")}
    for name, kind in types.items():
        at = schema.get_field_index(name)
        if at < 0 or str(schema.field(at).type) != kind:
            raise ValueError(f"it has no column {name} of type {kind}")
    assert set(_TYPES) == set(COLUMNS)
    counts = parameters["totals"]
    totals = Totals(**{name: _whole(counts[name], name) for name in Totals.__dataclass_fields__})
    return Part(
        path,
        _host(parameters["host"]),
        _time(parameters["taken"]),
        str(parameters["kernel"]),
        _whole(parameters["ram_bytes"], "ram_bytes", 1 << 60),
        page_size,
        metadata["ghostswap.salt"].decode(),
        max(_whole(parameters["one_in"], "one_in", (1 << 31) - 1), 1),
        file.metadata.num_rows,
        int(metadata[HASHES]),
        totals,
        _dump_zero_pages(file, parameters["sources"], totals.zero_pages),
        algorithms,
    )


def _dump_zero_pages(file: Any, sources: list[dict[str, Any]], zero_pages: int) -> int:
    """How many of the zero pages are of dumps. Rows are read only where a file has processes too,
    since only they tell which those are."""
    of_dumps = np.array([of_dump(source["facts"]["kind"]) for source in sources])
    if not zero_pages or of_dumps.all() or not of_dumps.any():
        return zero_pages if of_dumps.any() else 0
    counted = 0
    for batch in file.iter_batches(columns=["source", "kind", "pages"], use_threads=False):
        source, kind, pages = (column.to_numpy() for column in batch.columns)
        if ((source < 0) | (source >= len(of_dumps))).any():
            raise ValueError("a row lies outside its source")
        counted += int(pages[(kind == ZERO) & of_dumps[source]].sum())
    if not 0 <= counted <= zero_pages:
        raise ValueError(f"it has {counted} zero pages of dumps, and {zero_pages} in all")
    return counted


def _host(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_HOST or not value.isprintable():
        raise ValueError("its host has no printable name of up to 253 characters")
    return value


def _algorithm(name: str) -> str:
    if not is_known(name):
        raise ValueError("it names an algorithm that is none")
    return name


def _time(value: Any) -> datetime:
    taken = datetime.fromisoformat(value)
    if taken.tzinfo is None or taken > datetime.now(UTC) + timedelta(days=366 * 10):
        raise ValueError("it was taken at no certain time")
    return taken.astimezone(UTC)


def _whole(value: Any, name: str, most: int = _MOST_PAGES) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} is no count")
    return value


def _share(value: Any) -> float:
    number = float(value)
    if not (math.isfinite(number) and 0 <= number <= 1):
        raise ValueError("an error that is not between 0 and 1")
    return number


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def batches(hosts: Sequence[Host], rows: int) -> Iterator[list[Host]]:
    """The hosts, so many at a time that they have about `rows` rows, one at least."""
    batch: list[Host] = []
    for host in hosts:
        more = sum(part.rows for part in host.parts)
        if batch and sum(part.rows for each in batch for part in each.parts) + more > rows:
            yield batch
            batch = []
        batch.append(host)
    yield batch
