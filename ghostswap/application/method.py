"""How pages are measured and told apart, as plain data: reading it needs no NumPy."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ghostswap.idle.trackers import TrackerName
from ghostswap.kernel.recompression import Recompression

DEFAULT_ERROR = 0.005
"""The error that a sample may have where none is stated."""


class Engine(StrEnum):
    """What compresses the pages."""

    LIBRARY = "library"
    KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Idle:
    """Only pages that nothing touches for `seconds` are meant; `tracker` tells which those are."""

    seconds: float
    tracker: TrackerName = TrackerName.AUTO


@dataclass(frozen=True, slots=True)
class Method:
    """How pages are measured.

    `algorithms` are the kernel's names, as zstd:9; none means lz4, or all of a saved census.
    `page_size` is in bytes, None for the machine's. `verify` measures with both engines. `error` is
    the error that a sample may have (0.005 for 0.5 %); None compresses every content. `seed` makes
    another sample. `jobs` is the number of processes, None for one per CPU. A `recompression` has
    its algorithm measured as well.
    """

    algorithms: Sequence[str] = ()
    page_size: int | None = None
    engine: Engine = Engine.LIBRARY
    verify: bool = False
    error: float | None = None
    seed: int = 0
    jobs: int | None = None
    idle: Idle | None = None
    recompression: Recompression | None = None

    def names(self, default: Iterable[str]) -> list[str]:
        """All algorithms that are measured, each once; those of `default` where none is named."""
        second = [] if self.recompression is None else [self.recompression.algorithm]
        return list(dict.fromkeys([*(self.algorithms or default), *second]))


class GroupBy(StrEnum):
    """What pages are grouped by."""

    SOURCE = "source"
    CGROUP = "cgroup"
    MAPPING = "mapping"
    KIND = "kind"
