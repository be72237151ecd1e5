"""The bytes of device-mapper requests are those that the kernel's headers describe."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from ghostswap.ghost.devicemapper import Target, ghost_table, listed, request
from ghostswap.swapfile.running import PAGE_SIZE

SPEC = struct.Struct("=QQiI16s")
targets = st.builds(
    Target,
    st.integers(0, 2**40),
    st.integers(1, 2**40),
    st.sampled_from(["linear", "error", "zero"]),
    st.text("0123456789: ", max_size=40),
)


def parsed(data: bytes) -> list[Target]:
    """The targets behind a struct dm_ioctl, followed as the kernel does by their `next`."""
    at, count = struct.unpack_from("=I", data, 16)[0], struct.unpack_from("=I", data, 20)[0]
    targets_read = []
    for _ in range(count):
        start, length, _, step, kind = SPEC.unpack_from(data, at)
        words = data[at + SPEC.size : at + step]
        assert words.endswith(b"\0")
        targets_read.append(Target(start, length, text(kind), text(words)))
        at += step
        assert at % 8 == 0
    assert at == len(data)
    return targets_read


def text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode()


@given(table=st.lists(targets, max_size=5), name=st.text("abc-", max_size=127))
def test_a_table_is_read_back_as_it_was(table: list[Target], name: str) -> None:
    data = request(name, uuid="ghostswap-x", table=table)
    assert struct.unpack_from("=3I", data) == (4, 0, 0)
    assert struct.unpack_from("=I", data, 12) == (len(data),)
    assert text(data[48:176]) == name
    assert text(data[176:305]) == "ghostswap-x"
    assert parsed(data) == table


def test_only_the_header_page_of_a_ghost_can_be_read() -> None:
    header, rest = ghost_table("7:3", 1 << 30)
    sectors = PAGE_SIZE // 512
    assert str(header) == f"0 {sectors} linear 7:3 0"
    assert str(rest) == f"{sectors} {(1 << 30) // 512 - sectors} error"


@given(names=st.lists(st.text("abc-_.", min_size=1, max_size=127), max_size=6))
def test_the_list_of_devices_is_followed_to_its_end(names: list[str]) -> None:
    answer = request("")
    for index, name in enumerate(names):
        size = -(-(12 + len(name) + 1 + 12) // 8) * 8  # the kernel adds an event number
        following = 0 if index == len(names) - 1 else size
        answer += struct.pack("=QI", 1000 + index, following) + name.encode().ljust(
            size - 12, b"\0"
        )
    assert list(listed(answer + bytes(64))) == names
