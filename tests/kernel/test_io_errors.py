"""A disk that cannot be read in part: what can be is counted, the rest is named."""

import json
import os
from pathlib import Path

from tests.faults.command import noise, one_line, run
from tests.kernel.disks import Disks


def test_a_device_with_a_part_that_cannot_be_read(disks: Disks, tmp_path: Path) -> None:
    image = noise(tmp_path / "image", 16)
    device = disks.loop_on(image)
    os.truncate(image, 8 << 20)  # from here on, reading the device is EIO
    done = run("estimate-dedup", "--json", device)
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert "2048 of its pages could not be read: an I/O error" in done.stderr
    assert document["pages"]["total"] == 8 * 256
    assert document["sources"][0]["unreadable_pages"] == 8 * 256


def test_a_header_that_cannot_be_read_is_one_line(disks: Disks, tmp_path: Path) -> None:
    image = noise(tmp_path / "image", 1)
    device = disks.loop_on(image)
    os.truncate(image, 0)
    for command in ("estimate-dedup", "inspect", "label"):
        done = run(command, device)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"ghostswap: {device}: Input/output error\n"
