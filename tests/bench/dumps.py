"""Raw dumps made of the programs' cores."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ghostswap.census import codecs
from ghostswap.census.distinct import rows_holding
from ghostswap.census.scan import scan
from ghostswap.pages.dump import open_dump
from ghostswap.pages.source import Source
from tests.bench.programs import cores

_PAGE = 4096
_BATCH = 256


def copy_pages(core: Path, path: Path) -> None:
    """Every page of a core, one behind the other."""
    source = _opened(core)
    with path.open("wb") as file:
        _copy(source, list(range(source.runs.pages)), file.write)


def data_pages(folder: Path, mib: int) -> Path:
    """A raw dump of every distinct data page of the programs' cores."""
    path = folder / f"data-{mib}.raw"
    if not path.exists():
        sources = [_opened(core) for core in cores(folder, mib).values()]
        census = scan(sources, _PAGE, [codecs.find("lz4")])
        hashes = census.contents.hash[census.contents.data]
        rows = np.sort(rows_holding(hashes, census.hash, census.readable))
        with path.open("wb") as file:
            for source, rows_of in zip(sources, census.sources, strict=True):
                inside = rows[(rows >= rows_of.first) & (rows < rows_of.first + rows_of.pages)]
                _copy(source, (inside - rows_of.first).tolist(), file.write)
    return path


def mixed_pages(folder: Path, data: Path) -> Path:
    """A raw dump of the pages of `data` and as many that do not compress as make a sixth of all."""
    path = folder / f"mixed-{data.name}"
    if not path.exists():
        draw = np.random.default_rng(1)
        with data.open("rb") as pages, path.open("wb") as file:
            while some := pages.read(5 * _PAGE):
                file.write(some)
                file.write(draw.bytes(_PAGE))
    return path


def everything(folder: Path, mib: int, gib: int) -> Path:
    """A raw dump of so many GiB: every page of the programs' cores, of as many runs as it takes."""
    path = folder / f"all-{gib}-{mib}.raw"
    if not path.exists():
        with path.open("wb") as file:
            seed = 1
            while file.tell() < gib << 30:
                for core in cores(folder, mib, seed).values():
                    source = _opened(core)
                    _copy(source, list(range(source.runs.pages)), file.write)
                seed += 1
            file.truncate(gib << 30)
    return path


def _opened(core: Path) -> Source:
    source = open_dump(core, _PAGE)
    assert isinstance(source, Source)
    return source


def _copy(source: Source, pages: list[int], write: Callable[[memoryview], object]) -> None:
    reader = source.open()
    buffer = memoryview(bytearray(_BATCH * _PAGE))
    at = 0
    while at < len(pages):
        end = at + 1
        while end < len(pages) and end - at < _BATCH and pages[end] == pages[end - 1] + 1:
            end += 1
        into = buffer[: (end - at) * _PAGE]
        assert reader.read(pages[at], end - at, into).all()
        write(into)
        at = end
    reader.close()
