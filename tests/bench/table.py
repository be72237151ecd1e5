"""Tables as the documents quote them."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path


def machine() -> str:
    """One line on where this was measured."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cpus = len(os.sched_getaffinity(0))
    return f"{model}, {cpus} CPUs, Linux {platform.release()}, Python {platform.python_version()}"


def print_markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table, its columns aligned, the numbers to the right."""
    widths = [max(len(line[i]) for line in [titles, *rows]) for i in range(len(titles))]
    right = [all(row[i][:1] in "+-0123456789≤" for row in rows) for i in range(len(titles))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        return "| " + " | ".join(padded) + " |"

    print(line(titles))
    print(
        line(
            [
                "-" * (width - 1) + (":" if r else "-")
                for width, r in zip(widths, right, strict=True)
            ]
        )
    )
    for row in rows:
        print(line(row))
