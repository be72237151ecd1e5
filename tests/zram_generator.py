"""zram-generator's own program, run as systemd runs it, on a root directory of the test's."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(
    os.environ.get("ZRAM_GENERATOR", "/usr/lib/systemd/system-generators/zram-generator")
)
MISSING = "zram-generator is not installed (Debian: systemd-zram-generator)"


@dataclass(frozen=True)
class Generated:
    """What it made of a configuration: its status, what it logged, and its folder of units."""

    status: int
    log: str
    units: Path

    @property
    def swap(self) -> Path:
        """The unit of the swap area on zram0."""
        return self.units / "dev-zram0.swap"

    @property
    def size_mib(self) -> int:
        """The size that it derived for zram0."""
        match = re.search(r"\(/dev/zram0 with (\d+)MB\)", self.log)
        assert match is not None, self.log
        return int(match[1])


def generate(root: Path, configuration: str, ram_mib: int, path: str | None = None) -> Generated:
    """Run it below `root` for a machine with `ram_mib` MiB of RAM."""
    units, written = root / "units", root / "etc/systemd/zram-generator.conf"
    shutil.rmtree(units, ignore_errors=True)
    for folder in (units, root / "proc", written.parent):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "proc/meminfo").write_text(f"MemTotal: {ram_mib << 10} kB\n")
    (root / "proc/cmdline").write_text("")
    written.write_text(configuration)
    environment = os.environ | {"ZRAM_GENERATOR_ROOT": str(root)}
    if path is not None:
        environment["PATH"] = path
    process = subprocess.Popen(
        [PROGRAM, units],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log, _ = process.communicate()
    if os.access("/dev/kmsg", os.W_OK):  # then it logs there, with its number
        kernel = subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout
        own = (line for line in kernel.splitlines() if f"[{process.pid}]: " in line)
        log = "\n".join([log, *own])
    return Generated(process.returncode, log, units)
