"""`ghostswap label` and the kernel: devices are opened alone, active areas left as they are."""

import pytest

from ghostswap.cli.app import run
from tests.kernel.disks import Disks, command, swapped_on


def test_a_swap_device_is_relabelled(disks: Disks) -> None:
    device = disks.loop("8M")
    command("mkswap", "-q", "-L", "before", device)
    assert run(["label", str(device), "--label", "after"]) == 0
    assert "LABEL: after" in command("swaplabel", device)
    with swapped_on(device):
        pass


def test_an_active_area_is_not_relabelled(disks: Disks, capsys: pytest.CaptureFixture[str]) -> None:
    device = disks.loop("8M")
    file = disks.filesystem("ext4") / "swapfile"
    command("fallocate", "-l", "1M", file)
    file.chmod(0o600)
    for path in (device, file):
        command("mkswap", "-q", "-L", "before", path)
        with swapped_on(path):
            assert run(["label", str(path), "--label", "after"]) == 1
            assert "is an active swap area" in capsys.readouterr().err
            assert run(["label", str(path)]) == 0
            assert capsys.readouterr().out.startswith("LABEL: before\n")


def test_a_device_in_use_is_not_relabelled(
    disks: Disks, capsys: pytest.CaptureFixture[str]
) -> None:
    source = command("findmnt", "-no", "SOURCE", disks.filesystem("ext4"))
    assert run(["label", source, "--label", "x"]) == 1
    assert "busy" in capsys.readouterr().err.lower()
