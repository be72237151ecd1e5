"""What ghostswap itself wrote is never called damaged, whatever the pages were."""

import json
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.census.distinct import distinct_contents
from ghostswap.census.idle_share import IdleCensus, IdleShare
from ghostswap.census.table import Census, Measured, Sample, SourceRows
from ghostswap.kernel.rules import rules_for
from ghostswap.kernel.version import RELEASES, KernelVersion
from ghostswap.pages.source import Facts, Segment, SourceKind
from ghostswap.pages.source import Mapping as Mapped
from ghostswap.report.comparison import parse_estimate, read
from ghostswap.report.estimate import Estimate, document
from ghostswap.report.saved import check
from ghostswap.systems.comparison import compare

ALGORITHMS = ("lz4", "zstd", "lzo-rle")


@st.composite
def censuses(draw: st.DrawFn) -> Census:
    """Some contents, zero, same-filled and data ones, each in any number of pages of two sources,
    compressed by several algorithms, wholly, in part or not at all."""
    page_size = draw(st.sampled_from([4096, 16384, 65536]))
    copies = draw(st.lists(st.integers(1, 300), min_size=1, max_size=30))
    hashes = np.repeat(np.arange(1, len(copies) + 1, dtype=np.uint64), copies)
    hashes = np.random.default_rng(draw(st.integers(0, 9))).permutation(hashes)
    readable = np.ones(len(hashes), dtype=np.bool_)
    readable[: draw(st.integers(0, len(hashes)))] = draw(st.booleans())
    holes, zero, same = draw(st.integers(0, 5)), draw(st.integers(0, 2)), np.uint64(3)
    filled = [hashes[readable & (hashes == same)]]
    contents = distinct_contents(hashes, readable, holes, zero, filled)
    largest = min(page_size + 1, 65535)
    number = len(contents.hash)

    def sizes() -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
        drawn = draw(
            st.lists(st.integers(1, 40) | st.integers(1, largest), min_size=number, max_size=number)
        )
        made = np.array(drawn, dtype=np.uint16)
        made[contents.zero] = 0
        return made

    cut = draw(st.integers(0, len(hashes)))
    kind = draw(st.sampled_from(SourceKind))
    thp = draw(st.integers(0, cut))
    sources = (
        SourceRows(
            Facts("a", kind, absent=2, swapped=draw(st.integers(0, 99)), thp=thp),
            0,
            cut,
            (Segment(0, cut, Mapped.ANON),) if cut else (),
        ),
        SourceRows(Facts("b", SourceKind.RAW, holes=holes), cut, len(hashes) - cut, ()),
    )
    names = draw(st.lists(st.sampled_from(ALGORITHMS), min_size=1, unique=True))
    measured = tuple(Measured(name, sizes(), None, draw(st.floats(0, 0.01))) for name in names)
    census = Census(
        page_size, 0, sources, hashes, readable, contents, measured, partial=draw(st.booleans())
    )
    return draw(st.sampled_from([census, sampled(census, draw(st.integers(1, 4)))]))


def sampled(census: Census, one_in: int) -> Census:
    """The same where only one data content in so many was compressed."""
    left_out = np.arange(len(census.contents.hash)) % one_in != 0
    measured = []
    for each in census.measured:
        sizes = each.sizes.copy()
        sizes[left_out] = 0
        measured.append(replace(each, sizes=sizes))
    strata = np.zeros(len(census.contents.hash), dtype=np.int32)
    return replace(census, measured=tuple(measured), sample=Sample(0.005, 2, 0, strata))


@given(
    censuses(),
    st.sampled_from(RELEASES),
    st.sampled_from([None, "zsmalloc", "zbud"]),
    st.booleans(),
    st.none() | st.tuples(st.integers(1, 99), st.integers(0, 99)),
)
def test_our_own_estimate_is_never_damaged(
    census: Census,
    kernel: KernelVersion,
    zpool: str | None,
    writeback: bool,
    watched: tuple[int, int] | None,
) -> None:
    rules = replace(rules_for(kernel, {}, zpool), writeback=writeback)
    share, idle = None, None
    if watched is not None and census.sample is None:
        pages = tuple(source.pages for source in census.sources)
        idle_pages = census.total
        share = IdleShare(
            30.0, "damon", pages, (idle_pages + watched[0], 0), (idle_pages, 0),
            idle_pages + sum(watched), 0, 0, (), None, partial=False,
        )  # fmt: skip
        idle = IdleCensus(census, census, share)
    comparison = compare(census, rules, share)
    text = json.dumps(document(Estimate(census, comparison, idle=idle)), allow_nan=False)
    estimate = parse_estimate(text, "ours")
    check(estimate, "ours")
    again = read(estimate, "ours")
    assert again.total_pages == comparison.total_pages
    assert [each.pool_bytes for each in again.footprints] == [
        each.pool_bytes for each in comparison.footprints
    ]
