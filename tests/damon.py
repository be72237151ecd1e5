"""A kernel's DAMON that is made up: a folder whose files react to what is written to them."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ghostswap.idle.damon import KDAMONDS, DamonFiles

PAGE = 4096
THREAD = 4242
CONTEXT = "0/contexts/0"


class MadeUpDamon(DamonFiles):
    """What Linux 6.12 does with these files; `touched` are frames that somebody accesses.

    `intervals` have passed by the time it is asked. `merges` joins neighbouring regions, as the
    kernel does where it may. `before_write` is called with the number of writes so far.
    """

    touched: frozenset[int] = frozenset()
    intervals = 1000
    merges = False
    writes: list[str]  # names written, over all runs

    def before_write(self, number: int) -> None:
        """Nothing; tests put something else here."""

    def write(self, name: str, text: object) -> None:
        self.writes.append(name)
        self.before_write(len(self.writes) - 1)
        if not (self.folder / name).is_file():
            raise FileNotFoundError(2, "No such file or directory", str(self.folder / name))
        last = name.rpartition("/")[2]
        if last == "state":
            self._state(str(text))
            return
        super().write(name, text)
        if last == "nr_kdamonds":
            shutil.rmtree(self.folder / "0", ignore_errors=True)
            self._put(
                *(
                    [("0/state", "off"), ("0/pid", "-1"), ("0/contexts/nr_contexts", "0")]
                    * int(str(text))
                )
            )
        elif last == "nr_contexts":
            attributes = f"{CONTEXT}/monitoring_attrs"
            self._put(
                (f"{CONTEXT}/avail_operations", "vaddr\nfvaddr\npaddr"),
                (f"{CONTEXT}/operations", "vaddr"),
                *(
                    (f"{attributes}/intervals/{each}_us", "0")
                    for each in ("sample", "aggr", "update")
                ),
                *((f"{attributes}/nr_regions/{each}", "10") for each in ("min", "max")),
                (f"{CONTEXT}/targets/nr_targets", "0"),
                (f"{CONTEXT}/schemes/nr_schemes", "0"),
            )
        elif last == "nr_targets":
            self._put((f"{CONTEXT}/targets/0/regions/nr_regions", "0"))
        elif last == "nr_regions":
            for number in range(int(str(text))):
                place = f"{CONTEXT}/targets/0/regions/{number}"
                self._put((f"{place}/start", "0"), (f"{place}/end", "0"))
        elif last == "nr_schemes":
            scheme = f"{CONTEXT}/schemes/0"
            pattern = [
                (f"{scheme}/access_pattern/{what}/{limit}", "0")
                for what in ("sz", "nr_accesses", "age")
                for limit in ("min", "max")
            ]
            self._put(
                (f"{scheme}/action", ""), (f"{scheme}/tried_regions/total_bytes", "0"), *pattern
            )

    def write_each(self, folder: str, values: Iterable[tuple[str, int]]) -> None:
        for name, value in values:
            self.write(f"{folder}/{name}", value)

    def _state(self, text: str) -> None:
        if text == "update_schemes_tried_regions":
            assert self.read("0/state") == "on"
            self._answer()
            return
        self._put(("0/state", text), ("0/pid", str(THREAD) if text == "on" else "-1"))
        thread = self.root / f"proc/{THREAD}"
        if text == "on":
            thread.mkdir(parents=True)
            thread.joinpath("stat").write_text(thread_stat())
            thread.joinpath("schedstat").write_text("2000000 5 7\n")
        else:
            shutil.rmtree(thread, ignore_errors=True)

    def _answer(self) -> None:
        regions = f"{CONTEXT}/targets/0/regions"
        starts = [
            int(self.read(f"{regions}/{number}/start"))
            for number in range(int(self.read(f"{regions}/nr_regions")))
        ]
        assert starts == sorted(set(starts)), "the kernel refuses what is out of order"
        idle = np.array([each for each in starts if each // PAGE not in self.touched])
        first = np.ones(len(idle), dtype=np.bool_)
        if self.merges:
            first[1:] = np.diff(idle) != PAGE
        begins = np.flatnonzero(first)
        ends = [*begins[1:].tolist(), len(idle)]
        tried = f"{CONTEXT}/schemes/0/tried_regions"
        self._put((f"{tried}/total_bytes", str(len(idle) * PAGE)))
        for number, (begin, end) in enumerate(zip(begins.tolist(), ends, strict=True)):
            place = f"{tried}/{number}"
            self._put(
                (f"{place}/start", str(idle[begin])),
                (f"{place}/end", str(idle[end - 1] + PAGE)),
                (f"{place}/nr_accesses", "0"),
                (f"{place}/age", str(self.intervals)),
            )

    def _put(self, *files: tuple[str, str]) -> None:
        for name, text in files:
            place = self.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text + "\n")


def thread_stat(began: int = 777) -> str:
    """/proc/PID/stat of a kdamond."""
    return f"{THREAD} (kdamond.0) S 2 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {began} 0 0\n"


def made_up_root(folder: Path) -> Path:
    """A host with DAMON's files and an empty /run."""
    (folder / KDAMONDS).mkdir(parents=True)
    (folder / KDAMONDS / "nr_kdamonds").write_text("0\n")
    (folder / "run").mkdir()
    (folder / "proc").mkdir()
    return folder
