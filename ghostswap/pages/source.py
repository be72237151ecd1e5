"""What every place that pages come from has in common: facts for the report, and a reader."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ghostswap.pages.runs import Runs
from ghostswap.pulse import PATIENCE_SECONDS


class SourceKind(StrEnum):
    """What a source is."""

    RAW = "raw"
    CORE = "core"
    VMCORE = "vmcore"  # the memory of a whole machine
    LIME = "lime"
    AVML = "avml"
    CRIU = "criu"
    SWAP_AREA = "swap-area"
    PROCESS = "process"


class Mapping(StrEnum):
    """What a page was mapped as, as far as its source tells."""

    HEAP = "heap"
    STACK = "stack"
    ANON = "anon"
    SHMEM = "shmem"
    NAMED = "named"  # a private copy of a page of a file
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Segment:
    """Pages `first` … of a source that were mapped as one thing; and, without a number, `holes`
    pages of zeros that need not be read. `offered` where KSM was offered to merge them."""

    first: int
    pages: int
    mapping: Mapping
    holes: int = 0
    offered: bool = field(default=False, kw_only=True)


MAPPINGS = tuple(Mapping)
"""In columns, a mapping is a number: its place in here."""


@dataclass(slots=True, eq=False)
class Segments:
    """Segments in the order in which they were added: columns, since a core has up to a million."""

    first: "array[int]" = field(default_factory=lambda: array("q"))
    pages: "array[int]" = field(default_factory=lambda: array("q"))
    holes: "array[int]" = field(default_factory=lambda: array("q"))
    mapping: bytearray = field(default_factory=bytearray)  # places in MAPPINGS
    offered: bytearray = field(default_factory=bytearray)  # 1 where KSM was offered it

    def add(self, segment: Segment) -> None:
        """Put one behind the others."""
        self.first.append(segment.first)
        self.pages.append(segment.pages)
        self.holes.append(segment.holes)
        self.mapping.append(MAPPINGS.index(segment.mapping))
        self.offered.append(segment.offered)

    @classmethod
    def of(cls, segments: Iterable[Segment]) -> "Segments":
        """These, as columns."""
        columns = cls()
        for segment in segments:
            columns.add(segment)
        return columns

    @property
    def in_shared_memory(self) -> bool:
        """Whether any of them is shared memory."""
        return MAPPINGS.index(Mapping.SHMEM) in self.mapping

    def __len__(self) -> int:
        return len(self.first)

    def __iter__(self) -> Iterator[Segment]:
        for first, pages, holes, mapping, offered in zip(
            self.first, self.pages, self.holes, self.mapping, self.offered, strict=True
        ):
            yield Segment(first, pages, MAPPINGS[mapping], holes, offered=bool(offered))


@dataclass(frozen=True, slots=True)
class Facts:
    """What a source says of itself before any page is read; all counts are in pages.

    Pages that the dump left out (`absent`), that were swapped out (`swapped`) or that were promised
    and could not be had (`unreadable`) are outside every other count. `holes` are pages of a sparse
    file that are known to be zero without being read: they count as zero pages. `thp` counts those
    that lie in huge pages, as far as they are mapped as such; 0 where nothing tells, as in a dump.
    """

    name: str
    kind: SourceKind
    absent: int = 0
    swapped: int = 0
    unreadable: int = 0
    holes: int = 0
    thp: int = 0
    incomplete: bool = False  # a part of what was asked for is missing: exit status 1
    warnings: tuple[str, ...] = ()
    pid: int | None = None  # of a process


def facts_after(
    facts: Facts,
    readable: NDArray[np.bool_],
    lost: int = 0,
    swapped_in: int = 0,
    *,
    stuck: bool = False,
) -> Facts:
    """`facts` once pages have been read: `readable` tells which of them could be; `lost` contents
    were, but could not be read again to be compressed; `swapped_in` pages were brought back from
    swap by reading them; `stuck` tells that the kernel gave no answer.

    A process may free a page at any time. A file may not, so that what is missing there makes the
    result incomplete.
    """
    missing = int(np.count_nonzero(~readable))
    why = []
    if stuck:
        why.append(
            f"the kernel gave no answer for {PATIENCE_SECONDS} s when its memory was read: "
            f"{missing} of its pages are left out"
        )
    elif missing and facts.kind is SourceKind.PROCESS:
        why.append(
            f"{missing} of its pages were gone when they were to be read: freed, swapped out, or "
            "it has ended"
        )
    else:  # one line also where the file shrank between its two readings
        failed = []
        if missing:
            failed.append(
                f"{missing} of its pages could not be read: an I/O error, or the file has shrunk, "
                "is gone or another one"
            )
        if lost:
            failed.append(
                f"{lost} of its pages could not be read again to be compressed, as if the file has "
                "shrunk; the others stand for them"
            )
        if failed:
            why.append("; ".join(failed))
    if swapped_in:
        why.append(
            f"{swapped_in} of its pages went to swap while they were being read, and were brought "
            "back by that"
        )
    incomplete = (
        facts.incomplete or lost > 0 or (missing > 0 and facts.kind is not SourceKind.PROCESS)
    )
    return replace(facts, incomplete=incomplete, warnings=(*facts.warnings, *why))


class Reader(Protocol):
    """An opened source, inside one worker."""

    @property
    def swapped_in(self) -> int:
        """How many pages were brought back from swap by reading them so far; 0 for files."""

    def read(self, first: int, pages: int, into: memoryview) -> NDArray[np.bool_]:
        """Copy pages `first` … into `into`, one behind the other.

        Returns which of them were had; the bytes of the others are undefined.
        """

    def close(self) -> None:
        """Give back the file descriptors."""


class Opener(Protocol):
    """How a worker opens a source; must survive a fork."""

    def __call__(self) -> Reader: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Pages that can be read by number, by several workers at once.

    `stable` tells whether reading a page twice gives the same bytes: true of a file, not of a
    process that runs on, whose pages must be hashed and compressed from one copy.
    """

    facts: Facts
    runs: Runs
    open: Opener
    stable: bool
    segments: tuple[Segment, ...] | Segments = ()
    open_runs: Callable[[Runs], Reader] | None = None  # the same, for other runs; None: it cannot


@runtime_checkable
class Stream(Protocol):
    """Pages that come once, in order, and whose number is not known before the end."""

    @property
    def facts(self) -> Facts:
        """What is known so far: all of it after the last page."""

    @property
    def segments(self) -> tuple[Segment, ...] | Segments:
        """What the pages were mapped as that have come so far."""

    def fill(self, into: memoryview) -> int:
        """Put the next pages into `into`; returns how many, fewer than fit only at the end.

        Never fails: what cannot be had is named in the facts.
        """
