"""From what a command line names to a census: saved ones are read, anything else is scanned."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ghostswap.cli.sources import SourceOptions
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.signals import heeded

if TYPE_CHECKING:
    from ghostswap.census.codecs import Codec
    from ghostswap.census.idle_share import IdleCensus
    from ghostswap.census.table import Census
    from ghostswap.idle.trackers import TrackerName
    from ghostswap.kernel.rules import Rules
    from ghostswap.pages.source import Source, Stream


class Engine(StrEnum):
    """What compresses the pages."""

    LIBRARY = "library"
    KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Idle:
    """Only pages that nothing touches for `seconds` are meant; `tracker` tells which those are."""

    seconds: float
    tracker: "TrackerName"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured, and how. `error` is that of a sample; None compresses everything."""

    named: SourceOptions
    rules: "Rules"
    algorithms: Sequence[str] = ()
    page_size: int | None = None
    engine: Engine = Engine.LIBRARY
    verify: bool = False
    error: float | None = None
    seed: int = 0
    jobs: int | None = None
    quiet: bool = False
    idle: Idle | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """A census, and what it was made of as long as that can be read again; of idle pages alone
    there is a sample."""

    census: "Census"
    opened: "Sequence[Source | Stream]"
    idle: "IdleCensus | None" = None


def measure(wanted: Wanted) -> Measurement:
    """The census of everything named; GhostswapError where it cannot be had."""
    files = wanted.named.files or ()
    if wanted.idle is not None and (files or not wanted.named.live):
        raise UsageError(
            "--idle", "goes with processes alone (--pid, --all, …): a dump cannot tell"
        )
    saved = [] if wanted.named.raw else [path for path in files if _is_census(path)]
    if not saved:
        return _scanned(wanted)
    if len(saved) < len(files) or wanted.named.live:
        raise UsageError(str(saved[0]), "a saved census goes with other saved ones only")
    for option, given in (
        ("--quick", wanted.error is not None),
        ("--engine", wanted.engine is Engine.KERNEL),
        ("--verify", wanted.verify),
    ):
        if given:
            raise UsageError(option, "needs pages, which a saved census does not hold")
    return Measurement(_loaded(saved, wanted), ())


def _is_census(path: Path) -> bool:
    from ghostswap.census.store import MAGIC

    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _loaded(paths: Sequence[Path], wanted: Wanted) -> "Census":
    from ghostswap.census.merge import merge
    from ghostswap.census.store import load

    with heeded():
        census = merge([load(path) for path in paths])
    if wanted.page_size not in (None, census.page_size):
        raise UsageError("--page-size", f"these censuses have pages of {census.page_size} bytes")
    if not wanted.algorithms:
        return census
    kept = {each.algorithm: each for each in census.measured}
    for name in wanted.algorithms:
        if name not in kept:
            raise GhostswapError(
                f"--algorithm {name}", f"was not measured; there are {', '.join(kept)}"
            )
    return replace(census, measured=tuple(kept[name] for name in wanted.algorithms))


def _scanned(wanted: Wanted) -> Measurement:
    from ghostswap.census.sample import Sampling
    from ghostswap.census.scan import scan
    from ghostswap.cli import options
    from ghostswap.cli.progress import page_progress
    from ghostswap.cli.sources import open_sources
    from ghostswap.host.core_file import leave_no_core
    from ghostswap.host.kernel import page_size as machine_page_size
    from ghostswap.systems.pool_cost import pool_cost
    from ghostswap.systems.table import Pool

    leave_no_core()
    size = options.page_size(wanted.page_size or machine_page_size())
    sampling = None
    if wanted.error is not None:
        sampling = Sampling(wanted.error, pool_cost(Pool.ZRAM, wanted.rules, size))
    with _codecs(wanted, size) as codecs:
        with heeded():  # nothing is known yet
            opened = open_sources(wanted.named, size)
        # A device of the kernel engine holds one page at a time.
        in_kernel = wanted.verify or wanted.engine is Engine.KERNEL
        if wanted.idle is not None:
            return _idle(wanted, wanted.idle, opened, codecs, 1 if in_kernel else wanted.jobs)
        with page_progress(wanted.quiet) as progress:
            census = scan(
                opened,
                size,
                codecs,
                jobs=1 if in_kernel else wanted.jobs,
                seed=wanted.seed,
                sampling=sampling,
                progress=progress,
            )
    return Measurement(census, opened)


def _idle(
    wanted: Wanted,
    idle: Idle,
    opened: "Sequence[Source | Stream]",
    codecs: "Sequence[Codec]",
    jobs: int | None,
) -> Measurement:
    from ghostswap.census.idle import idle_census
    from ghostswap.cli.progress import page_progress, watch_progress
    from ghostswap.idle.tracker import find_tracker
    from ghostswap.pages.source import Source

    found = idle_census(
        [source for source in opened if isinstance(source, Source)],
        codecs,
        find_tracker(Path("/"), idle.tracker),
        idle.seconds,
        jobs=jobs,
        seed=wanted.seed,
        watching=watch_progress(wanted.quiet),
        progress=page_progress(wanted.quiet),
    )
    return Measurement(found.idle, (), found)


@contextmanager
def _codecs(wanted: Wanted, page_size: int) -> Iterator[list["Codec"]]:
    """The compressors wanted, and the kernel's beside them or in their place."""
    names = list(dict.fromkeys(wanted.algorithms or ["lz4"]))
    libraries: list[Codec] = []
    if wanted.verify or wanted.engine is Engine.LIBRARY:
        from ghostswap.census import codecs

        libraries = [codecs.find(name, wanted.rules.version) for name in names]
    if not wanted.verify and wanted.engine is Engine.LIBRARY:
        yield libraries
        return

    from ghostswap.census.kernel_engine import kernel_codecs
    from ghostswap.report.estimate import IN_KERNEL

    suffix = IN_KERNEL if wanted.verify else ""
    with kernel_codecs(names, page_size, wanted.rules, suffix=suffix) as found:
        yield libraries + found
