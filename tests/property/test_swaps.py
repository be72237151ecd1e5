"""/proc/swaps, written as the kernel writes it, is read back whatever the names and types are."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ghostswap.host.swaps import Medium, SwapArea, parse_swaps

HEADER = b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

# A path is any bytes but NUL; a later kernel may print a name that is no path, and any type.
paths = st.binary(min_size=1, max_size=60).filter(lambda name: b"\0" not in name)
names = st.one_of(paths.map(lambda name: b"/" + name), st.just(b"xswap0"))
kinds = st.one_of(
    st.sampled_from(["partition", "file", "ghost", "vswap", "xswap0"]),
    st.from_regex(r"[a-z][a-z0-9_+-]{0,15}", fullmatch=True),
)
areas = st.builds(
    SwapArea,
    name=names,
    type=kinds,
    size=st.integers(0, 2**44).map(lambda kib: kib * 1024),
    used=st.integers(0, 2**44).map(lambda kib: kib * 1024),
    priority=st.integers(-32768, 32767),
    medium=st.none(),
    deleted=st.just(False),
    access=st.none(),
)


def mangled(name: bytes) -> bytes:
    """mangle_path() of fs/seq_file.c with the set that swap_show() gives it."""
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in name)


def shown(area: SwapArea) -> bytes:
    """swap_show() of mm/swapfile.c (Linux 6.18): tabs are added to short words and numbers."""
    name = mangled(area.name)
    padding = b" " * (40 - len(name) if len(name) < 40 else 1)
    kind = area.type.encode() + (b"" if area.type == "partition" else b"\t")
    size, used = area.size // 1024, area.used // 1024
    return b"%s%s%s\t%d\t%s%d\t%s%d\n" % (
        name,
        padding,
        kind,
        size,
        b"" if size >= 10_000_000 else b"\t",
        used,
        b"" if used >= 10_000_000 else b"\t",
        area.priority,
    )


@given(st.lists(areas, max_size=5))
def test_what_the_kernel_writes_is_read_back(expected: list[SwapArea]) -> None:
    parsed = parse_swaps(HEADER + b"".join(map(shown, expected)))
    assert [_facts(area) for area in parsed] == [_facts(area) for area in expected]


@given(st.binary(max_size=300))
def test_anything_else_is_no_error(data: bytes) -> None:
    parsed = parse_swaps(data)
    assert len(parsed) <= data.count(b"\n")
    assert all(area.size >= 0 and area.used >= 0 for area in parsed)


def test_the_running_kernel_s_list_is_understood() -> None:
    data = Path("/proc/swaps").read_bytes()
    assert len(parse_swaps(data)) == len(data.splitlines()) - 1


def test_a_deleted_file_is_known_by_its_mark() -> None:
    row = rb"/swap\040file\040(deleted)              file		1048572		0		-2"
    (area,) = parse_swaps(HEADER + row + b"\n")
    assert area.deleted
    assert area.path == b"/swap file"


def test_an_area_of_zram_or_without_storage_is_told_from_a_disk() -> None:
    rows = [
        b"/dev/zram0\tpartition\t8\t0\t100",
        b"/dev/sda2\tpartition\t8\t0\t-2",
        b"/swap/ghost\tghost\t8\t0\t-3",
        b"xswap0\txswap\t8\t0\t-4",
        b"/srv/zram1\tfile\t8\t0\t-5",
    ]
    parsed = parse_swaps(HEADER + b"\n".join(rows) + b"\n")
    assert [area.medium for area in parsed] == [
        Medium.ZRAM,
        Medium.DISK,
        Medium.GHOST,
        Medium.GHOST,
        Medium.DISK,
    ]


def _facts(area: SwapArea) -> tuple[bytes, str, int, int, int]:
    return area.name, area.type, area.size, area.used, area.priority
