"""What is read from proc and sys beyond plain files: control groups, device-mapper, interfaces."""

from dataclasses import replace
from pathlib import Path

import pytest

from ghostswap.host.cgroups import read_cgroups, read_limits
from ghostswap.host.files import HostFiles
from ghostswap.host.interfaces import Interfaces
from ghostswap.host.ksm import Ksm, read_ksm
from ghostswap.host.snapshot import read_host
from ghostswap.host.swapping import Swapping
from ghostswap.host.swaps import Medium
from ghostswap.kernel.cgroups import LimitFile
from tests.hosts import CAPTURES

SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"


def write(root: Path, files: dict[str, str]) -> Path:
    (root / "proc").mkdir(exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("mount", ["sys/fs/cgroup", "sys/fs/cgroup/unified", "srv/all groups"])
def test_control_groups_are_found_wherever_they_are_mounted(tmp_path: Path, mount: str) -> None:
    escaped = mount.replace(" ", "\\040")
    group = f"{mount}/user.slice/shell"
    root = write(
        tmp_path,
        {
            "proc/mounts": f"tmpfs /sys/fs/cgroup tmpfs rw 0 0\nnone /{escaped} cgroup2 rw 0 0\n",
            f"{mount}/cgroup.controllers": "cpu memory\n",
            f"{mount}/user.slice/memory.zswap.current": "0\n",
            f"{mount}/user.slice/memory.zswap.max": "max\n",
            f"{group}/memory.zswap.current": "8192\n",
            f"{group}/memory.zswap.max": "65536\n",
            f"{group}/memory.zswap.writeback": "0\n",
            f"{group}/memory.stat": "anon 4096\nzswap 8192\nzswapped 16384\nzswap_incomp 4096\n",
            f"{group}/memory.swap.current": "20480\n",
            f"{group}/memory.swap.max": "max\n",
        },
    )
    (seen,) = read_cgroups(HostFiles(root)).groups
    assert seen.path == b"/user.slice/shell"
    assert (seen.zswap, seen.zswapped, seen.zswap_max) == (8192, 16384, 65536)
    assert seen.incompressible == 4096
    assert seen.writeback is False
    assert (seen.swap, seen.swap_max) == (20480, None)


def test_a_group_with_only_a_rule_for_zswap_is_shown(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/quiet"
    root = write(
        tmp_path,
        {
            "sys/fs/cgroup/cgroup.controllers": "memory\n",
            f"{group}/memory.zswap.current": "0\n",
            f"{group}/memory.zswap.max": "0\n",
        },
    )
    (seen,) = read_cgroups(HostFiles(root)).groups
    assert (seen.path, seen.zswap, seen.zswap_max) == (b"/quiet", 0, 0)


@pytest.mark.parametrize(
    ("group", "limits"),
    [
        ("/", ()),
        ("/a", ((LimitFile.MEMORY, 900, "/a"), (LimitFile.ZSWAP, 50, "/a"))),
        ("/a/b", ((LimitFile.MEMORY, 900, "/a"), (LimitFile.ZSWAP, 0, "/a/b"))),
        ("a/b/c/", ((LimitFile.MEMORY, 800, "/a/b/c"), (LimitFile.ZSWAP, 0, "/a/b"))),
    ],
)
def test_a_group_is_held_to_the_smallest_limit_from_the_root_down(
    tmp_path: Path, group: str, limits: tuple[tuple[LimitFile, int, str], ...]
) -> None:
    top = tmp_path / "sys/fs/cgroup"
    files = {
        "cgroup.controllers": "memory\n",
        "a/memory.max": "900\n",
        "a/memory.zswap.max": "50\n",
        "a/b/memory.max": "max\n",
        "a/b/memory.zswap.max": "0\n",
        "a/b/c/memory.max": "800\n",
        "a/b/c/memory.zswap.max": "70\n",
        "a/b/c/memory.swap.max": "max\n",
    }
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    host = HostFiles(tmp_path)
    read = read_limits(host, group)
    assert read is not None
    assert tuple((each.file, each.bytes, each.group) for each in read.limits) == limits
    assert read_limits(host, f"{group}/none") is read_limits(host, f"{group}/../a") is None


@pytest.mark.parametrize("name", ["/dev/dm-3", "/dev/mapper/ghostswap-1"])
def test_a_device_mapper_ghost_is_known_under_both_names(tmp_path: Path, name: str) -> None:
    root = write(
        tmp_path,
        {
            "proc/swaps": f"{SWAPS}{name} partition 8 0 -2\n/dev/dm-4 partition 8 0 -3\n",
            "sys/block/dm-3/dm/name": "ghostswap-1\n",
            "sys/block/dm-3/dm/uuid": "ghostswap-0a1b\n",
            "sys/block/dm-4/dm/name": "vg-swap\n",
            "sys/block/dm-4/dm/uuid": "LVM-0a1b\n",
        },
    )
    assert [area.medium for area in read_host(root).swaps] == [Medium.GHOST, Medium.DISK]


@pytest.mark.parametrize("name", ["/dev/sda2", "/dev/mapper/vg-swap", "/dev/dm-4", "/dev/sdb"])
def test_whether_a_device_is_rotational_is_read_wherever_it_stands(
    tmp_path: Path, name: str
) -> None:
    root = write(
        tmp_path,
        {
            "proc/swaps": f"{SWAPS}{name} partition 8 0 -2\n/swapfile file 8 0 -3\n",
            "sys/devices/pci/block/sda/queue/rotational": "1\n",
            "sys/devices/pci/block/sda/sda2/partition": "2\n",
            "sys/block/sdb/queue/rotational": "1\n",
            "sys/block/dm-4/dm/name": "vg-swap\n",
            "sys/block/dm-4/queue/rotational": "1\n",
        },
    )
    (root / "sys/class/block").mkdir(parents=True)
    (root / "sys/class/block/sda2").symlink_to("../../devices/pci/block/sda/sda2")
    assert [area.rotational for area in read_host(root).swaps] == [True, None]


def test_the_ways_of_swapping_are_read(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/sys/vm/page-cluster": "3\n",
            "proc/vmstat": "thp_swpout 32\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]\n",
            "sys/fs/cgroup/cgroup.controllers": "memory\n",
            "sys/fs/cgroup/memory.zswap.writeback": "0\n",
        },
    )
    assert read_host(root).swapping == Swapping(3, False, 32, False)
    assert read_host(CAPTURES / "linux-6.12").swapping == Swapping(3, True, 0, True)


def test_ratio_of_zram_is_that_of_pages_in_memory(tmp_path: Path) -> None:
    device = "sys/block/zram0"
    root = write(
        tmp_path,
        {
            f"{device}/disksize": "1048576\n",
            f"{device}/mm_stat": "409600 90000 102400 0 102400 0 0 0 0\n",
            f"{device}/bd_stat": "50 0 50\n",
        },
    )
    (zram,) = read_host(root).zram
    assert zram.ratio == (409600 - 50 * 4096) / 102400 == 2.0


def test_ksm_saves_the_pages_that_became_the_zero_page_too() -> None:
    assert Ksm({"pages_sharing": 10, "ksm_zero_pages": 6}, None, 4096).saved == 16 * 4096


def test_a_file_smaller_than_its_area_is_a_ghost_whatever_its_type(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/swaps": f"{SWAPS}/ghost file 1048572 0 -2\n/swapfile file 4 0 -3\n",
            "ghost": "x" * 4096,
            "swapfile": "x" * 8192,
        },
    )
    assert [area.medium for area in read_host(root).swaps] == [Medium.GHOST, Medium.DISK]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Interfaces(None, None, None, None)),
        (
            {"sys/kernel/mm/ksm/run": "0", "sys/class/mem/null/dev": "1:3"},
            Interfaces(None, False, False, None),
        ),
        ({"sys/class/mem/ghostswap/dev": "1:13"}, Interfaces(None, True, None, None)),
        ({"dev/ghostswap": ""}, Interfaces(None, True, None, None)),
        ({"sys/kernel/mm/xswap/create": ""}, Interfaces(None, None, True, None)),
        (
            {"proc/swaps": f"{SWAPS}/swap/ghost ghost 8 0 -2\n"},
            Interfaces(True, None, None, None),
        ),
        (
            {"proc/swaps": f"{SWAPS}/ghost file 1048572 0 -2\n", "ghost": "x" * 4096},
            Interfaces(True, None, None, None),
        ),
        (
            {"proc/swaps": f"{SWAPS}/dev/ghostswap ghost 8 0 -2\n"},
            Interfaces(None, None, None, None),
        ),
        (
            {"proc/sys/kernel/osrelease": "7.4.0", "boot/config-7.4.0": "CONFIG_SWAP=y\n"},
            Interfaces(None, None, None, None),
        ),
        (
            {"proc/sys/kernel/osrelease": "7.4.0", "boot/config-7.4.0": "CONFIG_VSWAP=y\n"},
            Interfaces(None, None, None, True),
        ),
    ],
)
def test_each_ghost_interface_is_seen_by_what_it_leaves(
    tmp_path: Path, files: dict[str, str], expected: Interfaces
) -> None:
    assert read_host(write(tmp_path, files)).interfaces == expected


def test_profit_before_6_4_is_what_later_kernels_tell() -> None:
    ksm = read_ksm(HostFiles(CAPTURES / "linux-6.12"), 4096)
    assert ksm is not None
    given = ksm.counters["general_profit"]
    older = {name: count for name, count in ksm.counters.items() if name != "general_profit"}
    assert replace(ksm, counters=older).profit == given


def test_profit_counts_what_ksm_keeps_for_pages_it_could_not_merge() -> None:
    assert Ksm({"pages_volatile": 1024}, None, 4096).profit == -1024 * 64
