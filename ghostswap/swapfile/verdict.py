"""What would swapon(2) say of this header: the kernel's own checks, in its order, in its words.

From read_swap_header() and setup_swap_map() of mm/swapfile.c (v6.18; the same logic since v5.x;
bad pages since v7.1 by swap_cluster_setup_bad_slot()), and from the ghost swapfile series (lore
20251121-ghost-v1-1-cfc0efcf3855@kernel.org, repeated in 20260220-swap-table-p4-v1-13). What the
file system has to say comes after these: suitability.py.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from ghostswap.kernel.geometry import MAGIC_BYTES, SWAPSPACE2, counts_bad_pages_one_by_one
from ghostswap.kernel.version import V6_18, KernelVersion
from ghostswap.swapfile.header import NATIVE, Header, parse
from ghostswap.swapfile.layout import max_badpages

UINT_MAX = 2**32 - 1

MAXIMUM_PAGES_64BIT = 2**50
"""Pages; what a swap entry can name on x86-64 and arm64 (arch_max_swapfile_size(), v6.18).

Above the 2³²−1 that a header can hold, so it binds on no 64-bit machine, apart from x86 with the
L1TF flaw and few physical address bits.
"""


class Kernel(enum.Enum):
    """The two kinds of kernel that a header can meet."""

    STOCK = "stock"
    GHOST = "ghost"  # one that takes a one-page file for a ghost area


@dataclass(frozen=True, slots=True)
class Area:
    """What swapon(2) sees of an area: its first bytes, its size in bytes, and if it is a file.

    `head` has at least the first page, or all there is.
    """

    head: bytes
    size: int
    regular_file: bool


@dataclass(frozen=True, slots=True)
class Check:
    """One check: passed or not, and why: in the kernel's words where it logs them, else in ours
    (`logged` False). Empty where nothing is to be said."""

    name: str
    ok: bool
    why: str = ""
    logged: bool = True

    @property
    def message(self) -> str:
        """`why`, marked where no line of the log says so."""
        return self.why if self.logged else f"(nothing is logged) {self.why}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a kernel answers. `checks` ends with the first that fails, as the kernel does."""

    usable_pages: int
    checks: tuple[Check, ...]

    @property
    def accepted(self) -> bool:
        """True when every check passed."""
        return all(check.ok for check in self.checks)

    @property
    def reason(self) -> str | None:
        """The message of the check that failed; None for an accepted area."""
        return next((check.message for check in self.checks if not check.ok), None)


def judge(
    area: Area,
    kernel: Kernel,
    page_size: int,
    maximum_pages: int = MAXIMUM_PAGES_64BIT,
    version: KernelVersion = V6_18,
) -> Verdict:
    """What `kernel`, with pages of `page_size` bytes, says of the header of `area`.

    `version` is the kernel's release, `maximum_pages` the machine's swapfile_maximum_size.
    """
    page = area.head[:page_size].ljust(page_size, b"\0")  # the page cache pads a short file
    header = parse(page)
    checks = []
    for check in _checks(area, page, header, kernel, maximum_pages, version):
        checks.append(check)
        if not check.ok:
            return Verdict(0, tuple(checks))
    return Verdict(_usable_pages(header, _max_pages(header, maximum_pages)), tuple(checks))


def _checks(
    area: Area,
    page: bytes,
    header: Header,
    kernel: Kernel,
    maximum_pages: int,
    version: KernelVersion,
) -> Iterator[Check]:
    """The checks in the kernel's order; the caller stops at the first that fails."""
    page_size, bad_limit = header.page_size, max_badpages(header.page_size)
    too_many = f"more than {bad_limit} bad pages"

    signed = page[-MAGIC_BYTES:] == SWAPSPACE2
    yield Check("signature", signed, "" if signed else "Unable to find swap-space signature")

    if header.endianness is not NATIVE:
        # A header of the other byte order is swapped in place, once its list is known to fit.
        fits = header.nr_badpages <= bad_limit
        yield _silent("byte_order", fits, too_many)

    known = header.version == 1
    yield Check(
        "version",
        known,
        "" if known else f"Unable to handle swap header version {_signed(header.version)}",
    )

    yield Check("last_page", header.last_page > 0, "" if header.last_page else "Empty swap-file")

    oversized = header.last_page > maximum_pages  # only warned about
    kib = page_size // 1024
    yield Check(
        "maximum_size",
        True,
        "Truncating oversized swap area, only using "
        f"{maximum_pages * kib}k out of {header.last_page * kib}k"
        if oversized
        else "",
    )
    max_pages = _max_pages(header, maximum_pages)

    if kernel is Kernel.GHOST and area.size == page_size:
        # The ghost branch returns here: no length, and nobody looks at nr_badpages until
        # setup_swap_map() walks the list, past the end of the page if the header says so.
        yield Check("ghost_size", True)
        walkable = header.nr_badpages <= bad_limit
        yield _silent("bad_pages_count", walkable, "the list of bad pages runs past the header")
    else:
        file_pages = area.size // page_size
        # A file below one page is let through here: the kernel tests for a length of zero.
        long_enough = not file_pages or max_pages <= file_pages
        yield Check(
            "length",
            long_enough,
            "" if long_enough else "Swap area shorter than signature indicates",
        )
        in_file = area.regular_file and header.nr_badpages > 0
        yield _silent("bad_pages_in_file", not in_file, "a regular file must not list bad pages")
        fits = header.nr_badpages <= bad_limit
        yield _silent("bad_pages_count", fits, too_many)

    if counts_bad_pages_one_by_one(version):
        yield from _bad_pages_one_by_one(header, max_pages)
    else:
        outside = next((bad for bad in header.bad_pages if not 0 < bad <= header.last_page), None)
        words = f"bad page {outside} is not in the area"
        yield _silent("bad_page_range", outside is None, words)

    some = _usable_pages(header, max_pages) > 0
    yield Check("usable_pages", some, "" if some else "Empty swap-file")


def _bad_pages_one_by_one(header: Header, max_pages: int) -> Iterator[Check]:
    """The checks of the list since 7.1, which ends at the first page that is wrong."""
    usable, seen = max_pages - 1, set[int]()
    for bad in header.bad_pages:
        if not 0 < bad <= header.last_page:
            words = "Bad slot offset is out of border: {} (last_page: {})"
            message = words.format(_signed(bad), _signed(header.last_page))
            yield Check("bad_page_range", False, message)
            return
        if bad >= max_pages:
            continue
        usable -= 1
        if not usable:  # before it is looked up whether the page was there already
            yield Check("usable_pages", False, "Empty swap-file")
            return
        if bad in seen:
            yield Check("bad_page_range", True)
            yield Check("bad_page_twice", False, f"Duplicated bad slot offset {_signed(bad)}")
            return
        seen.add(bad)
    yield Check("bad_page_range", True)
    yield Check("bad_page_twice", True)


def _signed(number: int) -> int:
    """An unsigned int as the kernel's %d shows it."""
    return number - 2**32 if number >= 2**31 else number


def _silent(name: str, ok: bool, why: str) -> Check:
    """A check whose failure the kernel does not log."""
    return Check(name, ok) if ok else Check(name, ok, why, logged=False)


def _max_pages(header: Header, maximum_pages: int) -> int:
    """Pages of the area with the header page: si->max, an unsigned int."""
    if maximum_pages > header.last_page:
        return min(header.last_page + 1, UINT_MAX)
    return maximum_pages


def _usable_pages(header: Header, max_pages: int) -> int:
    """Pages for swap: si->pages, counted down as setup_swap_map() does, in an unsigned int."""
    bad = sum(1 for page in header.bad_pages if page < max_pages)
    return (max_pages - 1 - bad) % 2**32
