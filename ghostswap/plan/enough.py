"""Whether enough is known for a size; where not, one line that names what decides."""

from enum import StrEnum
from typing import TYPE_CHECKING

from ghostswap.errors import GhostswapError

if TYPE_CHECKING:  # `plan --help` names ZeroPages, and needs no NumPy
    from ghostswap.plan.sizing import Sizing
    from ghostswap.systems.comparison import Comparison

_WIDEST_RANGE = 2  # of the largest size to the smallest that the pages allow
_MOST_DOUBTFUL = 0.5  # of the pages


class ZeroPages(StrEnum):
    """Whether the zero pages of dumps were memory in use."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


def check_pages(
    comparison: "Comparison", name: str, zero_pages: ZeroPages | None, *, margin_stated: bool
) -> None:
    """GhostswapError, at `name`, for pages that are too few of those meant, or that may never have
    been touched; `zero_pages` and a margin that somebody states decide."""
    if comparison.partial:
        raise GhostswapError(name, "an interrupted estimate: a part does not tell the size")
    measured = comparison.idle.total_pages if comparison.idle else comparison.total_pages
    unreadable, zero = comparison.coverage.unreadable_pages, comparison.coverage.dump_zero_pages
    if unreadable > (measured + unreadable) * _MOST_DOUBTFUL and not margin_stated:
        raise GhostswapError(
            name,
            f"{unreadable:,} of {measured + unreadable:,} pages could not be read: be root, or say "
            "by --margin SHARE how far they may differ from the others",
        )
    if mostly_zero(comparison) and zero_pages is None:
        raise doubtful_zeros(name, zero, measured)


def mostly_zero(comparison: "Comparison") -> bool:
    """Whether most pages are of zeros that a dump has also for memory never touched."""
    return too_many_zeros(comparison.coverage.dump_zero_pages, comparison.total_pages)


def too_many_zeros(zero_pages: int, total_pages: int) -> bool:
    """Whether so many zero pages of dumps, out of all pages, leave open how many were in use."""
    return zero_pages > total_pages * _MOST_DOUBTFUL


def doubtful_zeros(name: str, zero_pages: int, total_pages: int) -> GhostswapError:
    """What to say where they do."""
    return GhostswapError(
        name,
        f"{zero_pages:,} of {total_pages:,} pages are zeros, which a dump also has for memory "
        "never touched: --zero-pages include|exclude decides",
    )


def without_zeros(zero_pages: int, total_pages: int) -> str:
    """What to say where zero pages of dumps are not planned for."""
    return (
        f"{zero_pages:,} zero pages of {total_pages:,} are left out: a dump has them also "
        "for memory never touched (--zero-pages include)"
    )


def check_range(name: str, sizing: "Sizing", *, margin_stated: bool) -> None:
    """GhostswapError, at `name`, for so few pages that they hardly tell how the pool fills."""
    if sizing.optimistic > _WIDEST_RANGE * sizing.pessimistic and not margin_stated:
        raise GhostswapError(
            name,
            f"too few pages: they allow sizes from {sizing.pessimistic:,} to {sizing.optimistic:,} "
            "pages; measure more, or say by --margin SHARE how far they may be off",
        )
