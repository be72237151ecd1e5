"""`inspect` says of this machine what its kernel says, with swap files, zram and zswap in use."""

import contextlib
import json
import mmap
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from ghostswap.errors import GhostswapError
from ghostswap.host.zram_device import zram_device
from tests.kernel.disks import Disks, command, swapped_on

MIB = 1 << 20
PAGE = mmap.PAGESIZE
ZSWAP = Path("/sys/module/zswap/parameters")
MADV_PAGEOUT, MADV_NOHUGEPAGE = 21, 15
# A blank, a tab, a newline, a backslash, what looks like an escape, and no UTF-8.
ODD_NAME = b"swap file\t\n\\ \\040 \xc3\xbc \xff (deleted)"


def inspect(*options: str) -> Any:
    command_line = [sys.executable, "-m", "ghostswap", "inspect", "--json", *options]
    done = subprocess.run(command_line, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def codes(inspected: Any) -> set[str]:
    return {finding["code"] for finding in inspected["findings"]}


def mkswap_file(path: Path, size: int) -> Path:
    path.touch(mode=0o600)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    command("mkswap", path)
    return path


def meminfo() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {name: int(rest.split()[0]) * 1024 for name, rest in (x.split(":") for x in lines)}


@contextlib.contextmanager
def zswap_on() -> Iterator[None]:
    """zswap enabled while the block runs."""
    if not ZSWAP.is_dir():
        pytest.skip("this kernel has no zswap")
    before = (ZSWAP / "enabled").read_text()
    try:
        (ZSWAP / "enabled").write_text("Y")
        yield
    finally:
        (ZSWAP / "enabled").write_text(before)


@contextlib.contextmanager
def pushed_out(size: int) -> Iterator[None]:
    """Pages of ours in swap, half of each random, while the block runs."""
    draw = random.Random(7)
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as area:
        area.madvise(MADV_NOHUGEPAGE)
        for _ in range(size // PAGE):
            area.write(draw.randbytes(PAGE // 2).ljust(PAGE, b"."))
        area.madvise(MADV_PAGEOUT)
        yield


@contextlib.contextmanager
def zram_swap(size: int, priority: int) -> Iterator[str]:
    """A new zram device that is a swap area while the block runs: its name."""
    with contextlib.ExitStack() as undo:
        try:
            device = undo.enter_context(zram_device("lz4", size))
        except GhostswapError as error:
            pytest.skip(str(error))
        path = Path("/dev") / device.name
        command("mkswap", path)
        command("swapon", "--priority", priority, path)
        undo.callback(command, "swapoff", path)
        yield device.name


def test_a_swap_file_of_any_name_is_shown_as_the_kernel_has_it(disks: Disks) -> None:
    folder = disks.filesystem("ext4", size="64M")
    path = folder / os.fsdecode(ODD_NAME)
    with swapped_on(mkswap_file(path, 32 * MIB)):
        inspected = inspect()
        kernel = Path("/proc/swaps").read_bytes().split()[-4:]  # the name holds no blank there
    (area,) = (each for each in inspected["swaps"] if each["path"].startswith(str(folder)))
    assert area["path"] == os.fsencode(path).decode(errors="backslashreplace")
    assert area["deleted"] is False  # that is only how its name ends
    kind, size, used, priority = kernel
    assert area["type"] == kind.decode() == "file"
    assert area["size_bytes"] == int(size) * 1024
    assert area["used_bytes"] == int(used) * 1024
    assert area["priority"] == int(priority)
    assert area["medium"] == "disk"


def test_a_swap_file_that_others_can_read_is_remarked(disks: Disks) -> None:
    path = mkswap_file(disks.filesystem("ext4", size="64M") / "swapfile", 32 * MIB)
    path.chmod(0o644)
    with swapped_on(path):
        assert "swap-file-permissions" in codes(inspect())
        path.chmod(0o600)
        assert "swap-file-permissions" not in codes(inspect())


def test_zswap_is_shown_as_meminfo_has_it(disks: Disks) -> None:
    path = mkswap_file(disks.filesystem("ext4", size="64M") / "swapfile", 32 * MIB)
    with zswap_on(), swapped_on(path), pushed_out(8 * MIB):
        kernel, inspected = meminfo(), inspect()
        assert inspected["zswap"]["enabled"] is True
        for name in ("compressor", "max_pool_percent", "accept_threshold_percent"):
            assert str(inspected["zswap"][name]) == (ZSWAP / name).read_text().strip()
        assert kernel["Zswapped"] >= 7 * MIB  # a busy kernel leaves some pages where they are
        assert inspected["zswap"]["stored_bytes"] == kernel["Zswapped"]
        assert inspected["zswap"]["pool_bytes"] == kernel["Zswap"]
        assert inspected["zswap"]["ratio"] == pytest.approx(kernel["Zswapped"] / kernel["Zswap"])
        assert inspected["memory"]["swap_total_bytes"] == kernel["SwapTotal"]
        assert inspected["memory"]["mem_total_bytes"] == kernel["MemTotal"]
        assert "swapoff-fits" in codes(inspected)


def test_a_parameter_that_this_kernel_lacks_is_null() -> None:
    if not ZSWAP.is_dir():
        pytest.skip("this kernel has no zswap")
    inspected = inspect()["zswap"]
    for name in ("zpool", "same_filled_pages_enabled", "exclusive_loads", "shrinker_enabled"):
        assert (inspected[name] is None) is not (ZSWAP / name).exists()


def test_zram_is_shown_as_mm_stat_has_it() -> None:
    with zram_swap(32 * MIB, priority=100) as name, pushed_out(8 * MIB):
        columns = Path(f"/sys/block/{name}/mm_stat").read_text().split()
        inspected = inspect()
        (device,) = (each for each in inspected["zram"] if each["name"] == name)
        assert [str(value) for value in device["mm_stat"].values()] == columns
        assert device["disksize"] == 32 * MIB
        assert device["algorithm"] == "lz4"
        assert device["mm_stat"]["orig_data_size"] >= 8 * MIB
        (area,) = (each for each in inspected["swaps"] if each["path"] == f"/dev/{name}")
        assert (area["medium"], area["priority"]) == ("zram", 100)
        assert area["used_bytes"] >= 8 * MIB
        assert inspected["memory"]["swap_storable_bytes"] is not None


def test_zswap_over_zram_is_remarked_on_a_real_machine() -> None:
    with zram_swap(16 * MIB, priority=100):
        assert "zswap-over-zram" not in codes(inspect())
        with zswap_on():
            assert "zswap-over-zram" in codes(inspect())


def test_a_device_mapper_ghost_is_shown_as_one(disks: Disks) -> None:
    """Its first page on a loop device, its others nowhere: only zswap can hold what it takes."""
    if which("dmsetup") is None or not Path("/sys/class/misc/device-mapper").exists():
        pytest.skip("needs dmsetup and a kernel with device-mapper")
    header, name, size = disks.folder / "ghost", "ghostswap-inspect-test", 32 * MIB
    command(sys.executable, "-m", "ghostswap", "mkghost", header, "--size", size)
    table = f"0 {PAGE // 512} linear {disks.loop_on(header)} 0\n{PAGE // 512} "
    table += f"{(size - PAGE) // 512} error\n"
    create = ["dmsetup", "create", "--noudevsync", name, "--uuid", name]
    with contextlib.ExitStack() as undo:
        subprocess.run(create, input=table, text=True, check=True)
        undo.callback(command, "dmsetup", "remove", "--noudevsync", name)
        undo.enter_context(zswap_on())
        nodes = Path("/sys/block").glob("dm-*/dm/name")
        (node,) = (each.parts[3] for each in nodes if each.read_text().strip() == name)
        undo.enter_context(swapped_on(Path("/dev") / node))
        undo.enter_context(pushed_out(4 * MIB))
        inspected = inspect()
    (area,) = inspected["swaps"]
    assert (area["medium"], area["type"]) == ("ghost", "partition")
    assert area["used_bytes"] >= 4 * MIB
    assert inspected["zswap"]["stored_bytes"] >= 4 * MIB
    assert {"only-ghost", "swapoff-fits"} <= codes(inspected)


def test_ksm_is_shown_as_sysfs_has_it() -> None:
    folder = Path("/sys/kernel/mm/ksm")
    if not folder.is_dir():
        pytest.skip("this kernel has no KSM")
    inspected = inspect()["ksm"]
    for name in ("pages_shared", "pages_sharing", "run", "max_page_sharing"):
        assert inspected[name] == int((folder / name).read_text())
    zero = folder / "ksm_zero_pages"
    pages = int((folder / "pages_sharing").read_text())
    pages += int(zero.read_text()) if zero.exists() else 0
    assert inspected["saved_bytes"] == pages * PAGE
