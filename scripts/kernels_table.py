"""Write docs/kernels.md from ghostswap/kernel: `python -m scripts.kernels_table`."""

from pathlib import Path

from ghostswap.kernel.slots import Charge, Cost, Design, costs
from ghostswap.kernel.version import RELEASES
from scripts.behaviours import BEHAVIOURS, spans

PAGE = Path(__file__).parents[1] / "docs/kernels.md"

_HEAD = f"""# What changed between kernels

What figures depend on, from Linux {RELEASES[0]} to {RELEASES[-1]}, as `--kernel VERSION` takes it:
x86-64, pages of 4 KiB, the kernel's own defaults. For an older or a newer kernel the nearest of
these stands in, and a warning says so. This page is made from the rules themselves (`make
kernels`).

| behaviour | kernels | what it is | source |
| --- | --- | --- | --- |
"""

_DESIGNS_HEAD = f"""
## What a slot costs, by design

Bytes of RAM per slot, besides the pool and zswap's or zram's entry: for each slot of the area from
swapon on, for each in use, for each whose page is in zswap, and for each whose page is on disk. As
if each cluster in use were full: a cluster of 512 slots with one in use costs as much. Of designs
that are in the kernel the figures are those of Linux {RELEASES[-1]}; the others are proposals, in
no released kernel, and `±` says how far what was computed from their patches may be off.

| design | of the area | in use | in zswap | on disk | ± | sources |
| --- | --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page, in Markdown."""
    rows = [
        f"| {span.behaviour.name} | {_between(span.first, span.last)} | {span.value} |"
        f" {span.behaviour.source} |\n"
        for behaviour in BEHAVIOURS
        for span in spans(behaviour)
    ]
    return _HEAD + "".join(rows) + _DESIGNS_HEAD + "".join(map(_design_row, Design))


def _design_row(design: Design) -> str:
    parts = costs(design, RELEASES[-1])
    sums = [_bytes([cost for cost in parts if cost.charge is charge]) for charge in Charge]
    error = float(sum(cost.error for cost in parts))
    sources = "; ".join(dict.fromkeys(cost.source for cost in parts))
    return f"| {design} | {' | '.join(sums)} | {error:.3f} | {sources} |\n"


def _bytes(parts: list[Cost]) -> str:
    return f"{float(sum(cost.bytes_per_slot for cost in parts)):.3f}" if parts else "–"


def _between(first: object, last: object) -> str:
    if first == RELEASES[0] and last == RELEASES[-1]:
        return "all"
    if first == RELEASES[0]:
        return f"until {last}"
    if last == RELEASES[-1]:
        return f"since {first}"
    return str(first) if first == last else f"{first} to {last}"


if __name__ == "__main__":
    PAGE.write_text(page())
