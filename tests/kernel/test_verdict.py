"""The header verdict and swapon(2) say the same of any header, in the kernel's own words."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ghostswap.swapfile.running import PAGE_SIZE, running_kernel, running_version
from ghostswap.swapfile.verdict import Area, Kernel, judge
from tests.kernel.disks import Disks, answer, command

PAGES = 64
few = st.integers(0, PAGES + 1)


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """A header page that is right in most fields, in either byte order."""
    order = draw(st.sampled_from("<>"))
    listed = draw(st.lists(few, max_size=3))
    claimed = draw(st.sampled_from([len(listed), len(listed), 0, 637, 638, 2**32 - 1]))
    last_page = draw(st.sampled_from([PAGES - 1, PAGES - 1, PAGES, 0, 1, 2**32 - 1]))
    version = draw(st.sampled_from([1, 1, 1, 1, 0, 2, 2**24]))
    magic = draw(st.sampled_from([b"SWAPSPACE2"] * 4 + [b"SWAP-SPACE", b"S1SUSPEND\0", bytes(10)]))
    page = bytearray(PAGE_SIZE)
    struct.pack_into(f"{order}III", page, 1024, version, last_page, claimed)
    struct.pack_into(f"{order}{len(listed)}I", page, 1536, *listed)
    page[-10:] = magic
    return bytes(page)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A file on ext4 and a loop device of 64 pages each."""
    if running_kernel() is Kernel.GHOST:
        pytest.skip("a ghost kernel reads past the page for some of these")
    disks = Disks(tmp_path_factory.mktemp("verdict"))
    try:
        file = disks.filesystem("ext4", "-b", "4096") / "area"
        command("fallocate", "-l", PAGES * PAGE_SIZE, file)
        file.chmod(0o600)
        yield {"file": file, "device": disks.loop(str(PAGES * PAGE_SIZE))}
    finally:
        disks.undo()


def _page(*fields: int) -> bytes:
    return bytes(1024) + struct.pack("=4I", *fields).ljust(PAGE_SIZE - 1034, b"\0") + b"SWAPSPACE2"


@pytest.mark.parametrize("place", ["file", "device"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(header=headers())
@example(header=_page(1, PAGES - 1, 0, 0))
def test_the_kernel_agrees_on_any_header(
    places: dict[str, Path], place: str, header: bytes
) -> None:
    path = places[place]
    with path.open("r+b") as area:
        area.write(header)
        os.fsync(area.fileno())
    seen = Area(header, PAGES * PAGE_SIZE, place == "file")
    verdict = judge(seen, Kernel.STOCK, PAGE_SIZE, version=running_version())
    error, log = answer(path)
    assert error == (None if verdict.accepted else "EINVAL"), (verdict.reason, log)
    if verdict.accepted:
        kib = verdict.usable_pages * PAGE_SIZE // 1024
        assert any(line.startswith(f"Adding {kib}k swap on {path}") for line in log), log
    elif verdict.checks[-1].logged:
        assert any(verdict.reason or "?" in line for line in log), (verdict.reason, log)
