"""Write docs/kernels.md from ghostswap/kernel: `python -m scripts.kernels_table`."""

from pathlib import Path

from ghostswap.kernel.behaviours import BEHAVIOURS, spans
from ghostswap.kernel.version import RELEASES

PAGE = Path(__file__).parents[1] / "docs/kernels.md"

_HEAD = f"""# What changed between kernels

What figures depend on, from Linux {RELEASES[0]} to {RELEASES[-1]}, as `--kernel VERSION` takes it:
x86-64, pages of 4 KiB, the kernel's own defaults. For an older or a newer kernel the nearest of
these stands in, and a warning says so. This page is made from the rules themselves (`make
kernels`).

| behaviour | kernels | what it is | source |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page, in Markdown."""
    rows = [
        f"| {span.behaviour.name} | {_between(span.first, span.last)} | {span.value} |"
        f" {span.behaviour.source} |\n"
        for behaviour in BEHAVIOURS
        for span in spans(behaviour)
    ]
    return _HEAD + "".join(rows)


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
