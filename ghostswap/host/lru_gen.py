"""How long anonymous memory has not been used, by control group: the multi-generational LRU.

Pages of one generation were last used between its birth and that of the next younger one. A group
that nothing ages (no reclaim, no writer of the file) has old generations that say little.

Source: Documentation/admin-guide/mm/multigen_lru.rst; mm/vmscan.c, lru_gen_seq_show() (Linux 6.12).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ghostswap.host.files import HostFiles

_FILE = "sys/kernel/debug/lru_gen"
_ENABLED = "sys/kernel/mm/lru_gen/enabled"
_MAIN_SWITCH = 1
_GROUP = re.compile(rb"memcg +\d+ (?P<path>.*)")
_NODE = re.compile(rb" node +\d+")
_GENERATION = re.compile(
    rb" +(?P<number>\d{1,20}) +(?P<age>\d{1,20}) +(?P<anon>\d{1,20})[ x] +\d{1,20}[ x]"
)


@dataclass(frozen=True, slots=True)
class Generation:
    """Anonymous pages of a group on one NUMA node that nothing has used for `unused_ms` at least
    (0: the youngest generation), and that were used within `age_ms`."""

    unused_ms: int
    age_ms: int
    anon_pages: int


@dataclass(frozen=True, slots=True)
class GroupAges:
    """A control group's own pages, not those of the groups below it; oldest generation first on
    each node. `path` is b"/" for the root group."""

    path: bytes
    generations: tuple[Generation, ...]

    def unused_pages(self, ms: float) -> int:
        """Anonymous pages that nothing has used for so many milliseconds at least."""
        return sum(each.anon_pages for each in self.generations if each.unused_ms >= ms)

    def pages_by_age(self, ages_ms: Sequence[int]) -> list[int]:
        """Anonymous pages unused for each of these rising ages at least, and not for the next."""
        unused = [*map(self.unused_pages, ages_ms), 0]
        return [pages - older for pages, older in pairwise(unused)]


def read_lru_gen(files: HostFiles) -> tuple[GroupAges, ...] | None:
    """The groups that have anonymous pages; None where the host has no such LRU, has it switched
    off, or does not show it (it takes root and debugfs)."""
    switch = files.text(_ENABLED)
    text = files.data(_FILE)
    try:
        on = switch is not None and int(switch, 0) & _MAIN_SWITCH
    except ValueError:
        on = False
    if not on or text is None:
        return None
    return tuple(group for group in parse_lru_gen(text) if any_pages(group))


def any_pages(group: GroupAges) -> bool:
    """Whether a group has anonymous pages at all."""
    return any(each.anon_pages for each in group.generations)


def parse_lru_gen(text: bytes) -> Iterator[GroupAges]:
    """The groups that debugfs lru_gen lists; lines of another form are skipped."""
    path: bytes | None = None
    generations: list[Generation] = []
    ages: list[tuple[int, int]] = []  # of the node at hand: age, anonymous pages

    def end_node() -> None:
        younger = [*(age for age, _ in ages), 0][1:]
        generations.extend(
            Generation(unused, age, pages)
            for unused, (age, pages) in zip(younger, ages, strict=True)
        )
        ages.clear()

    for line in text.split(b"\n"):
        if (group := _GROUP.fullmatch(line)) is not None:
            end_node()
            if path is not None:
                yield GroupAges(path, tuple(generations))
            path, generations = group["path"] or b"/", []
        elif _NODE.fullmatch(line):
            end_node()
        elif (generation := _GENERATION.fullmatch(line)) is not None:
            ages.append((int(generation["age"]), int(generation["anon"])))
    end_node()
    if path is not None:
        yield GroupAges(path, tuple(generations))
