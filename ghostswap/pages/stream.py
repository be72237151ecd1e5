"""Pages of a dump that comes through a pipe or a decompressor, taken in the order they come."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ghostswap.errors import GhostswapError
from ghostswap.pages.forward import Forward
from ghostswap.pages.layout import Extent, Layout
from ghostswap.pages.source import Facts, Segment, Segments, SourceKind


class PageStream:
    """The pages of `layout`, whose bytes `forward` gives.

    At the end nothing is kept of where they came from: neither a file nor a decoder and its window.
    """

    def __init__(
        self, name: str, forward: Forward, kind: SourceKind, layout: Layout, page_size: int
    ) -> None:
        self._forward = forward
        self._extents: Iterator[Extent] = iter(layout.extents)
        self._page_size = page_size
        self._pages = 0
        self._rest = 0  # bytes of the extent being read
        self._segments = Segments()
        self._ended = False
        self._facts = Facts(name, kind, warnings=layout.warnings)

    @property
    def facts(self) -> Facts:
        return self._facts

    @property
    def segments(self) -> Segments:
        return self._segments

    def fill(self, into: memoryview) -> int:
        size = self._page_size
        room = len(into) // size * size
        filled = 0
        while filled < room and not self._ended:
            if self._rest == 0:
                self._ended = not self._next_extent()
                continue
            length = min(self._rest, room - filled)
            got = self._forward.readinto(into[filled : filled + length])
            if got == length:  # the last page of an extent may need zeros to be whole
                end = filled + -(-got // size) * size
                into[filled + got : end] = bytes(end - filled - got)
            else:
                end = filled + got // size * size
            self._pages += (end - filled) // size
            self._rest -= min(end - filled, self._rest)
            filled = end
            if got < length:
                self._cut_short(inside_page=got % size > 0)
        if self._ended:
            self._forward, self._extents = Forward.ended(), iter(())
        return filled // size

    def _next_extent(self) -> bool:
        """Go to the next bytes that hold memory; False when there are none, or no more."""
        try:
            for extent in self._extents:
                self._count_absent(extent)
                if extent.file_bytes:
                    self._rest = extent.file_bytes
                    if self._facts.kind is SourceKind.CORE:
                        pages = -(-extent.file_bytes // self._page_size)
                        self._segments.add(Segment(self._pages, pages, extent.mapping))
                    if self._forward.skip_to(extent.offset):
                        return True
                    self._cut_short(inside_page=False)
                    return False
        except ValueError as error:
            self._incomplete(f"stopped after {self._pages} pages: {error}")
        if self._forward.damage:
            self._incomplete(f"stopped after {self._pages} pages: {self._forward.damage}")
        return False

    def _cut_short(self, inside_page: bool) -> None:
        """The bytes have ended inside an extent: name what is missing."""
        self._ended = True
        why = self._forward.damage
        if self._facts.kind is SourceKind.RAW:  # whose length nothing tells
            if why is None and inside_page:
                why = "ends inside a page"
            if why is not None:
                self._incomplete(f"what follows its first {self._pages} pages is missing: {why}")
                self._facts = replace(self._facts, unreadable=int(inside_page))
            return
        missing = -(-self._rest // self._page_size)
        if self._segments:
            self._segments.pages[-1] = self._pages - self._segments.first[-1]
        try:
            for extent in self._extents:
                missing += -(-extent.file_bytes // self._page_size)
                self._count_absent(extent)
        except ValueError:
            pass  # more was to come, and nothing tells how much
        self._facts = replace(self._facts, unreadable=missing)
        self._incomplete(
            f"truncated: {missing} of {self._pages + missing} pages are not counted"
            + (f": {why}" if why else "")
        )

    def _count_absent(self, extent: Extent) -> None:
        absent = self._facts.absent + extent.absent_pages(self._page_size)
        self._facts = replace(self._facts, absent=absent)

    def _incomplete(self, why: str) -> None:
        warnings = (*self._facts.warnings, why)
        self._facts = replace(self._facts, incomplete=True, warnings=warnings)


class LateStream:
    """A stream of a file that was opened once to see what it is, and is opened again when its pages
    are wanted, so that of many only one has a decoder at a time."""

    def __init__(self, facts: Facts, begin: Callable[[], PageStream]) -> None:
        self._facts = facts
        self._begin = begin
        self._stream: PageStream | None = None

    @property
    def facts(self) -> Facts:
        return self._stream.facts if self._stream else self._facts

    @property
    def segments(self) -> Segments:
        return self._stream.segments if self._stream else Segments()

    def fill(self, into: memoryview) -> int:
        if self._stream is None:
            try:
                self._stream = self._begin()
            except GhostswapError as error:
                why = f"its pages could not be read: {error.why}"
                warnings = (*self._facts.warnings, why)
                self._facts = replace(self._facts, incomplete=True, warnings=warnings)
                return 0
        return self._stream.fill(into)
