"""What --idle adds to the tables: how much is idle, for how long, and how it differs."""

from ghostswap.cli.render import Column, bar, emphasised, print_table, size_text
from ghostswap.report.estimate import Estimate, compared
from ghostswap.report.fields import NOTHING
from ghostswap.units import format_duration

_COMPARED_COLUMNS = (
    Column("WATCHED"),
    Column("PAGES", right=True),
    Column("ZERO", right=True),
    Column("MEAN", right=True),
    Column("RATIO", right=True),
)
_GROUP_COLUMNS = (
    Column("GROUP"),
    Column("WATCHED", right=True),
    Column("IDLE", right=True),
    Column("SHARE", right=True),
    Column("ERROR", right=True),
    Column("MEAN-IDLE", right=True),
    Column("MEAN-TOUCHED", right=True),
)


def show_idle(estimate: Estimate, exact: bool) -> None:
    """Print the idle share by age, idle beside touched pages, and groups."""
    assert estimate.idle is not None
    share = estimate.idle.share
    size = size_text(share.total_pages * estimate.census.page_size, exact)
    print(
        f"Nothing touched {share.share:.1%} (± {share.share_error:.1%}) of {size} for "
        f"{format_duration(share.seconds)}: {share.tracked_pages:,} of {share.total_pages:,} pages "
        f"watched by {share.tracker}{_cost(share.cpu_share)}"
    )
    for age in share.ages:
        print(f"  {format_duration(age.seconds):<12}{age.share:>6.1%}  {bar(age.share)}")
    for count, why in (
        (share.locked, "locked in memory and never swapped"),
        (share.dropped, "freed, moved or swapped out meanwhile, or on no LRU list yet"),
    ):
        if count:
            print(f"  {count:,} pages of the sample left out: {why}")
    print()
    rows = [
        [
            each.name,
            f"{each.pages}",
            f"{each.zero_share:.1%}",
            _mean(each.mean_bytes, exact),
            NOTHING if each.ratio is None else f"{each.ratio:.2f}",
        ]
        for each in compared(estimate)
    ]
    print_table(_COMPARED_COLUMNS, rows)
    if estimate.idle_groups:
        print()
        print(emphasised("Idle pages by group"))
        print_table(
            _GROUP_COLUMNS,
            [
                [
                    group.name or NOTHING,
                    f"{group.tracked_pages}",
                    f"{group.idle_pages}",
                    f"{group.share:.1%}",
                    f"{group.share_error:.1%}",
                    _mean(group.idle_mean_bytes, exact),
                    _mean(group.touched_mean_bytes, exact),
                ]
                for group in estimate.idle_groups
            ],
        )
    print()


def _cost(cpu_share: float | None) -> str:
    return "" if cpu_share is None else f", which took {cpu_share:.2%} of a core"


def _mean(mean_bytes: float | None, exact: bool) -> str:
    return NOTHING if mean_bytes is None else size_text(round(mean_bytes), exact)
