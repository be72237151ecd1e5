"""How often a quick estimate's interval holds the exact figure, over many samples of real dumps."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ghostswap.census import codecs
from ghostswap.census.distinct import contents_numbers
from ghostswap.census.sample import Sampling
from ghostswap.census.scan import scan
from ghostswap.census.table import I64, Census, Contents, Measured, Sample
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.pages.dump import open_dump
from ghostswap.systems.comparison import compare
from ghostswap.systems.footprint import System
from ghostswap.systems.pool_cost import pool_cost
from ghostswap.systems.table import Pool
from tests.bench.programs import cores
from tests.bench.table import print_markdown

_TRIALS = 200
_LOOKED_AT = 300
_ERRORS = (0.02, 0.01, 0.005)
_PAGE = 4096


def quick(folder: Path, mib: int) -> None:
    """Print, for each program and error asked for, how many of 200 samples held the exact pool."""
    rules = rules_for(KernelVersion(6, 18), {})
    cost = pool_cost(Pool.ZRAM, rules, _PAGE)
    rows = []
    for name, core in cores(folder, mib).items():
        exact = scan([open_dump(core, _PAGE)], _PAGE, [codecs.find("lz4")])
        numbers = contents_numbers(exact.contents, exact.hash)
        true = {each.system: each.pool_bytes for each in compare(exact, rules).footprints}
        for error in _ERRORS:
            held = {System.ZRAM: 0, System.ZSWAP_DEDUP: 0}
            deviations, contents = [], []
            for trial in range(_TRIALS):
                census = _sampled(exact, numbers, Sampling(error, cost), trial)
                contents.append(np.count_nonzero(census.measured[0].sizes))
                for each in compare(census, rules).footprints:
                    if each.system not in held:
                        continue
                    off = abs(each.pool_bytes / true[each.system] - 1)
                    held[each.system] += (
                        off <= each.relative_error - census.measured[0].relative_error
                    )
                    deviations.append(off)
            rows.append(
                [
                    name,
                    f"{error:.1%}",
                    f"{np.mean(contents):,.0f}",
                    f"{np.mean(deviations):.2%}",
                    *(f"{count / _TRIALS:.1%}" for count in held.values()),
                ]
            )
    print_markdown(
        ["program", "asked", "contents", "mean deviation", "zram held", "zswap+dedup held"], rows
    )


def _sampled(exact: Census, numbers: I64, sampling: Sampling, trial: int) -> Census:
    """The census of the sample that a scan with another seed takes: other hashes, same contents,
    which `numbers` tells of each row."""
    hashes = np.random.default_rng(trial).permutation(exact.contents.hash)
    order = np.argsort(hashes)
    old = exact.contents
    contents = Contents(hashes[order], old.pages[order], old.zero[order], old.same_filled[order])
    known = exact.measured[0].sizes[order]
    sizes = np.zeros_like(known)[np.newaxis]
    rows = (hashes[numbers], exact.readable)
    looked_at = known[contents.data][:_LOOKED_AT][np.newaxis]
    cutoff = sampling.first_cutoff(int(np.count_nonzero(contents.data)), looked_at)
    taken = contents.hash <= np.uint64(cutoff)
    sizes[0, taken] = known[taken]
    sample: Sample | None = None
    for sample, rows_of_round in sampling.rounds(contents, sizes, cutoff, rows):  # noqa: B007
        sizes[0, rows_of_round] = known[rows_of_round]
    measured: tuple[Measured, ...] = (replace(exact.measured[0], sizes=sizes[0]),)
    return replace(exact, contents=contents, measured=measured, sample=sample)
