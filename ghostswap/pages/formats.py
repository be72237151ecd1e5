"""The dump formats: one row each, tried from the first to the last."""

from collections.abc import Callable
from dataclasses import dataclass

from ghostswap.pages import avml, criu, elfcore, kdump, lime, raw, swaparea
from ghostswap.pages.compressed import ByteStream
from ghostswap.pages.forward import Forward
from ghostswap.pages.layout import Dump, Layout
from ghostswap.pages.source import SourceKind


@dataclass(frozen=True, slots=True)
class Format:
    """A dump format.

    `detect` tells whether a dump is of this format; it may look at little, since every format is
    asked. `layout` tells where its memory is, and raises ValueError with the reason when the dump
    is damaged or cannot be read. Where its bytes must be unpacked first, `transform` makes them
    those that `layout` is asked about. `kind` is None for a format that is only refused.
    """

    kind: SourceKind | None
    detect: Callable[[Dump], bool]
    layout: Callable[[Dump], Layout]
    transform: Callable[[Forward], ByteStream] | None = None


RAW = Format(SourceKind.RAW, raw.is_raw, raw.layout)

# CRIU's pages come first: they hold memory, which may begin like any other format.
FORMATS = (
    Format(SourceKind.CRIU, criu.is_pages_image, criu.layout),
    Format(SourceKind.CORE, elfcore.is_core, elfcore.layout),
    Format(SourceKind.LIME, lime.is_lime, lime.layout),
    Format(SourceKind.AVML, avml.is_avml, lime.layout, avml.AvmlAsLime),
    Format(None, kdump.is_kdump, kdump.layout),
    Format(SourceKind.SWAP_AREA, swaparea.is_swap_area, swaparea.layout),
    RAW,
)


def format_of(dump: Dump) -> Format:
    """The format of a dump; RAW where nothing tells that it is another."""
    return next(format_ for format_ in FORMATS if format_.detect(dump))
