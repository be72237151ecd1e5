"""The shell lines of a plan, run as they stand, leave this machine swapping to zswap."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.kernel.disks import Disks

ZSWAP = Path("/sys/module/zswap/parameters")
GHOSTSWAP = [sys.executable, "-m", "ghostswap"]


def ghostswap(*arguments: str | Path) -> str:
    done = subprocess.run([*GHOSTSWAP, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def restored() -> Iterator[None]:
    """zswap as it was, afterwards."""
    if not ZSWAP.is_dir():
        pytest.skip("this kernel has no zswap")
    with contextlib.ExitStack() as undo:
        for name in ("enabled", "max_pool_percent"):
            undo.callback((ZSWAP / name).write_text, (ZSWAP / name).read_text())
        yield


@pytest.mark.usefixtures("restored")
def test_the_lines_turn_zswap_and_the_ghost_on(tmp_path: Path) -> None:
    path = tmp_path / "swap folder" / "ghost"
    lines = ghostswap("plan", "--ratio", "3", "--max-pool-percent", "17", "--emit", "sh",
                      "--path", path)  # fmt: skip
    script = f'ghostswap() {{ "{sys.executable}" -m ghostswap "$@"; }}\nset -e\n{lines}'
    areas = Path("/proc/swaps").read_text().splitlines()
    try:
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
        if "dm_mod" in done.stderr:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        assert len(Path("/proc/swaps").read_text().splitlines()) == len(areas) + 1
        assert (ZSWAP / "enabled").read_text() == "Y\n"
        assert (ZSWAP / "max_pool_percent").read_text() == "17\n"
    finally:
        subprocess.run([*GHOSTSWAP, "off", path], capture_output=True, check=False)
    assert Path("/proc/swaps").read_text().splitlines() == areas


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("kind", ["ext4", "btrfs"])
def test_the_lines_make_a_swapfile_that_the_kernel_takes(disks: Disks, kind: str) -> None:
    path = disks.filesystem(kind) / "swap folder" / "swapfile"
    lines = ghostswap("plan", "--ratio", "3", "--demand", "8M", "--design", "swapfile",
                      "--emit", "sh", "--path", path)  # fmt: skip
    done = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    areas = Path("/proc/swaps").read_text().splitlines()
    assert any("swap\\040folder/swapfile" in line and "file" in line for line in areas)
    assert (ZSWAP / "enabled").read_text() == "Y\n"


def test_the_lines_make_a_zram_device_of_that_size() -> None:
    if not Path("/sys/class/zram-control").is_dir() or which("zramctl") is None:
        pytest.skip("needs zram and zramctl")
    before = Path("/proc/swaps").read_text().splitlines()
    there = {each.name for each in Path("/sys/block").glob("zram*")}
    lines = ghostswap("plan", "--ratio", "3", "--system", "zram", "--demand", "8M", "--emit", "sh")
    done = subprocess.run(["sh", "-c", lines], capture_output=True, text=True, check=False)
    after = [line for line in Path("/proc/swaps").read_text().splitlines() if line not in before]
    devices = [line.split()[0] for line in after]
    try:
        assert done.returncode == 0, done.stderr
        (device,) = devices
        (line,) = [each for each in lines.splitlines() if "mem_limit" in each]
        folder = Path("/sys/block", Path(device).name)
        assert int((folder / "disksize").read_text()) == 9 << 20
        assert int((folder / "mm_stat").read_text().split()[3]) == int(line.split()[1])
    finally:
        for device in devices:
            subprocess.run(["swapoff", device], check=True)
            # zramctl --reset would also take away a device that was there before.
            Path("/sys/block", Path(device).name, "reset").write_text("1")
            if Path(device).name not in there:
                Path("/sys/class/zram-control/hot_remove").write_text(
                    device.removeprefix("/dev/zram")
                )
