"""Whether a kernel takes ghost files: told by its type information, in one place."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from ghostswap.diagnose.findings import findings
from ghostswap.host.ghost_files import takes_ghost_files
from ghostswap.host.snapshot import read_host
from ghostswap.swapfile.running import running_kernel
from ghostswap.swapfile.verdict import Kernel
from tests.hosts import PLAIN


def with_types(root: Path, names: bytes) -> Path:
    """A host whose BTF has these names: struct btf_header, no types, the string section."""
    types = root / "sys/kernel/btf/vmlinux"
    types.parent.mkdir(parents=True)
    header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, len(names))
    types.write_bytes(header + names)
    return root


@pytest.mark.parametrize(
    ("names", "takes"),
    [(b"\0SWP_USED\0SWP_GHOST\0", True), (b"\0SWP_USED\0", False), (b"\0SWP_GHOSTLY\0", False)],
)
def test_a_kernel_that_names_swp_ghost_takes_them(
    tmp_path: Path, names: bytes, takes: bool
) -> None:
    assert takes_ghost_files(with_types(tmp_path, names)) is takes


def test_a_host_that_tells_nothing_takes_none(tmp_path: Path) -> None:
    assert not takes_ghost_files(tmp_path)


def test_inspect_of_a_file_and_of_the_host_give_one_answer() -> None:
    assert (running_kernel() is Kernel.GHOST) is takes_ghost_files()
    assert bool(read_host(Path("/")).interfaces.one_page_file) >= takes_ghost_files()


def test_a_kernel_known_to_refuse_them_is_not_said_to_be_unknown() -> None:
    refusing = replace(PLAIN, interfaces=replace(PLAIN.interfaces, one_page_file=False))
    (finding,) = (each for each in findings(refusing) if each.code == "no-ghost-interface")
    assert "refuses a one-page ghost file" in finding.message
    assert "cannot be seen" not in finding.message
