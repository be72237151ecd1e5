"""The verdict on a header: what a ghost kernel would say, which no machine at hand can be asked."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostswap.kernel.geometry import PAGE_SIZES
from ghostswap.kernel.version import V6_18, V7_1
from ghostswap.swapfile.header import NATIVE, Header, build
from ghostswap.swapfile.verdict import UINT_MAX, Area, Kernel, judge

page_sizes = st.sampled_from(PAGE_SIZES)


def header(page_size: int, last_page: int) -> Header:
    return Header(1, last_page, 0, (), bytes(16), bytes(16), page_size, NATIVE)


@given(page_size=page_sizes, last_page=st.integers(1, UINT_MAX - 1))
def test_one_page_is_a_ghost_of_the_size_it_states(page_size: int, last_page: int) -> None:
    area = Area(build(header(page_size, last_page)), page_size, regular_file=True)
    ghost = judge(area, Kernel.GHOST, page_size)
    assert (ghost.accepted, ghost.usable_pages) == (True, last_page)
    stock = judge(area, Kernel.STOCK, page_size)
    assert stock.reason == "Swap area shorter than signature indicates"
    assert stock.usable_pages == 0


@given(page_size=page_sizes, other=page_sizes, last_page=st.integers(1, UINT_MAX - 1))
def test_a_ghost_is_one_only_for_its_own_page_size(
    page_size: int, other: int, last_page: int
) -> None:
    area = Area(build(header(page_size, last_page)), page_size, regular_file=True)
    assert judge(area, Kernel.GHOST, other).accepted == (other == page_size)


@given(page_size=page_sizes, longer=st.integers(1, 2**20), last_page=st.integers(1, 2**20))
def test_a_longer_file_is_judged_the_same_by_both_kernels(
    page_size: int, longer: int, last_page: int
) -> None:
    area = Area(build(header(page_size, last_page)), page_size + longer, regular_file=True)
    verdicts = [judge(area, kernel, page_size) for kernel in Kernel]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].accepted == (area.size // page_size > last_page)


@given(last_page=st.integers(700, 2**30), bad=st.integers(1, 637))
def test_a_file_with_bad_pages_is_refused_unless_a_ghost_kernel_takes_it_for_a_ghost(
    last_page: int, bad: int
) -> None:
    listing = dataclasses.replace(
        header(4096, last_page), nr_badpages=bad, bad_pages=tuple(range(1, bad + 1))
    )
    page, size = build(listing), (last_page + 1) * 4096
    for kernel in Kernel:
        verdict = judge(Area(page, size, regular_file=True), kernel, 4096)
        assert verdict.reason == "(nothing is logged) a regular file must not list bad pages"
    one_page = Area(page, 4096, regular_file=True)
    ghost = judge(one_page, Kernel.GHOST, 4096)
    assert (ghost.accepted, ghost.usable_pages) == (True, last_page - bad)
    assert not judge(one_page, Kernel.STOCK, 4096).accepted


@given(
    head=st.binary(max_size=4096),
    size=st.integers(0, 2**40),
    regular=st.booleans(),
    kernel=st.sampled_from(Kernel),
    page_size=page_sizes,
)
def test_any_bytes_get_a_verdict_that_ends_with_its_reason(
    head: bytes, size: int, regular: bool, kernel: Kernel, page_size: int
) -> None:
    verdict = judge(Area(head, size, regular), kernel, page_size)
    assert all(check.ok for check in verdict.checks[:-1])
    assert verdict.accepted == verdict.checks[-1].ok
    assert (verdict.reason is None) == verdict.accepted
    assert verdict.accepted or verdict.usable_pages == 0


@pytest.mark.parametrize(
    ("last_page", "bad_pages", "before", "since"),
    [
        (9, (3, 5), None, None),
        (9, (3, 3), None, "Duplicated bad slot offset 3"),
        (9, (3, 10), "bad page 10 is not in the area", "out of border: 10 (last_page: 9)"),
        (9, (0,), "bad page 0 is not in the area", "out of border: 0 (last_page: 9)"),
        (9, (UINT_MAX,), f"bad page {UINT_MAX} is", "out of border: -1 (last_page: 9)"),
        (9, (3, 3, 10), "bad page 10 is not in the area", "Duplicated bad slot offset 3"),
        (2, (1, 2), "Empty swap-file", "Empty swap-file"),
        (1, (1, 1), None, "Empty swap-file"),  # 6.18 counts below zero, in an unsigned int
    ],
)
def test_bad_pages_are_looked_at_one_by_one_since_7_1(
    last_page: int, bad_pages: tuple[int, ...], before: str | None, since: str | None
) -> None:
    listing = dataclasses.replace(
        header(4096, last_page), nr_badpages=len(bad_pages), bad_pages=bad_pages
    )
    device = Area(build(listing), (last_page + 1) * 4096, regular_file=False)
    for version, reason in ((V6_18, before), (V7_1, since)):
        verdict = judge(device, Kernel.STOCK, 4096, version=version)
        assert verdict.accepted == (reason is None)
        assert (reason or "") in (verdict.reason or "")
