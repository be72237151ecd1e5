"""From sources to a census: saved ones are read, anything else is scanned."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from ghostswap.application.method import Engine, Method
from ghostswap.application.sources import Sources, open_sources
from ghostswap.census import codecs
from ghostswap.census.codecs import Codec
from ghostswap.census.idle import idle_census
from ghostswap.census.idle_share import IdleCensus
from ghostswap.census.merge import merge
from ghostswap.census.parquet import MAGIC
from ghostswap.census.sample import Sampling
from ghostswap.census.scan import Progress, scan
from ghostswap.census.store import load
from ghostswap.census.table import Census
from ghostswap.errors import GhostswapError, UsageError
from ghostswap.host.kernel import page_size_or_own
from ghostswap.idle.tracker import find_tracker
from ghostswap.idle.watch import Progress as WatchProgress
from ghostswap.kernel.algorithm import Variant
from ghostswap.kernel.recompression import Recompression
from ghostswap.kernel.rules import Rules
from ghostswap.pages.source import Source, Stream
from ghostswap.signals import heeded
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import Pool


def _silent() -> AbstractContextManager[Callable[[float, float], None]]:
    return nullcontext(lambda done, known: None)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told how far the work is, in pages and in seconds of watching, and what to know before
    it is done; by default nobody."""

    pages: Callable[[], AbstractContextManager[Progress]] = _silent
    watching: Callable[[], AbstractContextManager[WatchProgress]] = _silent
    warning: Callable[[str], None] = lambda line: None


NOBODY = Listener()
_DEFAULT = ("lz4",)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A census, and what it was made of as long as that can be read again; of idle pages alone
    there is a sample."""

    census: Census
    opened: Sequence[Source | Stream]
    idle: IdleCensus | None = None


def measure(
    sources: Sources, rules: Rules, method: Method, listener: Listener = NOBODY
) -> Measurement:
    """The census of all `sources`; GhostswapError where it cannot be had."""
    if method.idle is not None and (sources.files or not sources.live):
        raise UsageError(
            "--idle", "goes with processes alone (--pid, --all, …): a dump cannot tell"
        )
    saved = saved_censuses(sources)
    if not saved:
        return _scanned(sources, rules, method, listener)
    if len(saved) < len(sources.files) or sources.live:
        raise UsageError(str(saved[0]), "a saved census goes with other saved ones only")
    for option, given in (
        ("--quick", method.error is not None),
        ("--engine", method.engine is Engine.KERNEL),
        ("--verify", method.verify),
    ):
        if given:
            raise UsageError(option, "needs pages, which a saved census does not hold")
    return Measurement(_loaded(saved, rules, method), ())


def saved_censuses(sources: Sources) -> list[Path]:
    """The files among `sources` that are saved censuses, whose algorithms are already chosen."""
    return [] if sources.raw else [path for path in sources.files if _is_census(path)]


def _is_census(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _check_recompression(
    recompression: Recompression, first: Iterable[str], rules: Rules, page_size: int
) -> None:
    """UsageError where zram would not do it, or where it changes nothing."""
    try:
        recompression.check(rules.version, rules.classes(page_size))
    except ValueError as error:
        raise UsageError("--recompress", str(error)) from None
    if {*first} == {recompression.algorithm}:
        raise UsageError("--recompress", "by the algorithm that compresses: name another one")


def _loaded(paths: Sequence[Path], rules: Rules, method: Method) -> Census:
    with heeded():
        census = merge([load(path) for path in paths], paths)
    if method.page_size not in (None, census.page_size):
        raise UsageError("--page-size", f"these censuses have pages of {census.page_size} bytes")
    kept = {each.name: each for each in census.measured}
    if method.recompression is not None:
        first = method.algorithms or kept
        _check_recompression(method.recompression, first, rules, census.page_size)
    names = method.names(kept)
    for name in names:
        if name not in kept:
            raise GhostswapError(
                f"--algorithm {name}", f"was not measured; there are {', '.join(kept)}"
            )
    of_zswap = {rules.zswap_variant(kept[name].algorithm) for name in names} - {Variant.ZRAM}
    names += [name for name in kept if kept[name].variant in of_zswap and name not in names]
    return replace(census, measured=tuple(kept[name] for name in names))


def _scanned(sources: Sources, rules: Rules, method: Method, listener: Listener) -> Measurement:
    page_size = page_size_or_own(method.page_size)
    if method.recompression is not None:
        first = method.algorithms or _DEFAULT
        _check_recompression(method.recompression, first, rules, page_size)
    sampling = None
    if method.error is not None:
        sampling = Sampling(method.error, pool_cost(Pool.ZRAM, rules, page_size))
    # A device of the kernel engine holds one page at a time.
    in_kernel = method.verify or method.engine is Engine.KERNEL
    jobs = 1 if in_kernel else method.jobs
    with _codecs(method, rules, page_size) as compressors:
        with heeded():  # nothing is known yet
            opened = open_sources(sources, page_size)
        if method.idle is not None:
            sampled = idle_census(
                [source for source in opened if isinstance(source, Source)],
                compressors,
                find_tracker(Path("/"), method.idle.tracker),
                method.idle.seconds,
                jobs=jobs,
                seed=method.seed,
                watching=listener.watching(),
                progress=listener.pages(),
            )
            return Measurement(sampled.idle, (), sampled)
        with listener.pages() as progress:
            census = scan(
                opened,
                page_size,
                compressors,
                jobs=jobs,
                seed=method.seed,
                sampling=sampling,
                progress=progress,
            )
    return Measurement(census, opened)


@contextmanager
def _codecs(method: Method, rules: Rules, page_size: int) -> Iterator[list[Codec]]:
    """The compressors of the libraries, and the kernel's beside them or in their place."""
    names = method.names(_DEFAULT)
    by_library = method.verify or method.engine is Engine.LIBRARY
    libraries = [codecs.find(name, rules.version) for name in names if by_library]
    if any(rules.zswap_variant(name) is Variant.IN_CRYPTO for name in names):
        libraries.append(codecs.zstd_of_zswap())  # a zram device compresses as zram does
    if not method.verify and by_library:
        yield libraries
        return

    # Only here: it is for root, and for few runs.
    from ghostswap.census.kernel_engine import kernel_codecs

    variant = Variant.IN_KERNEL if method.verify else Variant.ZRAM
    with kernel_codecs(names, page_size, rules, variant) as in_kernel:
        yield libraries + in_kernel if by_library else in_kernel + libraries
