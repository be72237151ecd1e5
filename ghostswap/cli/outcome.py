"""How a measurement ended: what is missing from it, on stderr, and the exit status."""

from ghostswap.census.table import Census
from ghostswap.cli.render import DONE, INTERRUPTED, REFUSED, warn
from ghostswap.plan.enough import mostly_zero
from ghostswap.report.estimate import Estimate
from ghostswap.signals import waits
from ghostswap.systems.comparison import Comparison
from ghostswap.units import format_duration

_MOST_WARNINGS = 8  # of --all, hundreds of processes may have something to say


def ended(estimate: Estimate, quiet: bool) -> int:
    """Exit status, having said what is missing from the result, or that a signal has come."""
    _warn_of_zeros(estimate.comparison, quiet)
    status = status_of(estimate.census, quiet)
    if status == INTERRUPTED:
        return status
    if estimate.idle is not None and estimate.idle.share.partial:
        seconds = format_duration(estimate.idle.share.seconds)
        warn(f"interrupted: idle is what nothing touched for {seconds}", quiet=False)
        return INTERRUPTED
    if estimate.comparison.partial:
        warn("interrupted: without what --group-by and --top show", quiet=False)
        return INTERRUPTED
    if waits():
        warn("interrupted when all was measured: this is the whole result", quiet=False)
        return INTERRUPTED
    return status


def _warn_of_zeros(comparison: Comparison, quiet: bool) -> None:
    if mostly_zero(comparison):
        zero, total = comparison.coverage.dump_zero_pages, comparison.total_pages
        warn(
            f"{zero:,} of {total:,} pages are zeros of dumps, maybe of memory never touched: the "
            "ratios tell little",
            quiet,
        )


def status_of(census: Census, quiet: bool) -> int:
    """Exit status, having named what is missing from the result."""
    warnings = [
        # What makes the result incomplete is said first, and also when warnings are not wanted.
        (not source.facts.incomplete, f"{source.facts.name}: {warning}")
        for source in census.sources
        for warning in source.facts.warnings
    ]
    warnings.sort(key=lambda warning: warning[0])
    for optional, warning in warnings[:_MOST_WARNINGS]:
        warn(warning, quiet and optional)
    if len(warnings) > _MOST_WARNINGS:
        warn(f"{len(warnings) - _MOST_WARNINGS} more warnings; --json has them all", quiet)
    if census.partial:
        from_sample = ", and the sizes of some of them stand for all" if census.sample else ""
        warn(f"interrupted: these are the pages read until then{from_sample}", quiet=False)
        return INTERRUPTED
    return REFUSED if any(source.facts.incomplete for source in census.sources) else DONE
