"""In a guest: the timer and the service of examples/, by systemd.

The timer's last run is made three days old, so that it is due at once; nothing else of the units is
changed but the random delay. Beside it a process holds pages of noise. Prints what systemd says of
the service, and what the census says of itself.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from ghostswap.fleet.inventory import read_part
from tests.vm.guest import swapping
from tests.vm.guest.ghost_on_off import ghostswap
from tests.vm.guest.systemd import UNITS, Systemctl, no_units, systemd

_EXAMPLES = Path(__file__).parents[3] / "examples"
_KEY = Path("/etc/ghostswap/fleet.key")
_CENSUS = Path("/var/lib/ghostswap/census.parquet")
_STAMP = Path("/var/lib/systemd/timers/stamp-ghostswap-census.timer")
_SERVICE, _TIMER = "ghostswap-census.service", "ghostswap-census.timer"
_PROPERTIES = ("ActiveState", "Result", "ExecMainStatus", "TriggeredBy", "PrivateNetwork")
_WITHIN, _DAYS = 240.0, 3
_HOLDER = """
import mmap, os, signal, socket
memory = mmap.mmap(-1, {pages} * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for _ in range({pages}):
    memory.write(os.urandom(4096))
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
signal.pause()
"""


def _install(pages: int) -> None:
    """What an administrator does: the program in PATH, a key, the units."""
    program = Path("/usr/local/bin/ghostswap")
    program.unlink(missing_ok=True)
    program.symlink_to(Path(sys.executable).with_name("ghostswap"))
    for folder in (_KEY.parent, _CENSUS.parent):  # the host may have its own
        folder.mkdir(exist_ok=True)
        swapping.run("mount", "-t", "tmpfs", "own", folder)
    ghostswap("fleet", "--new-salt-file", _KEY)
    for unit in (_SERVICE, _TIMER):
        shutil.copy(_EXAMPLES / unit, UNITS)
    due = UNITS / f"{_TIMER}.d"
    due.mkdir()
    (due / "due.conf").write_text("[Unit]\nAfter=holder.service\n[Timer]\nRandomizedDelaySec=0\n")
    program = Path("/run/holder.py")
    program.write_text(_HOLDER.format(pages=pages))
    (UNITS / "holder.service").write_text(
        f"[Service]\nType=notify\nTimeoutStartSec=200\nExecStart={sys.executable} {program}\n"
    )
    _STAMP.parent.mkdir(parents=True, exist_ok=True)
    _STAMP.touch()
    then = time.time() - _DAYS * 86400
    os.utime(_STAMP, (then, then))


def _shown(systemctl: Systemctl) -> dict[str, str]:
    """The service's properties, as its systemd says."""
    words = [f"--property={name}" for name in _PROPERTIES]
    lines = systemctl("show", _SERVICE, *words).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


def main(pages: int) -> dict[str, Any]:
    """Wait until the service has run."""
    no_units()
    _install(pages)
    with systemd("holder.service", _TIMER) as systemctl:
        until = time.monotonic() + _WITHIN
        properties = _shown(systemctl)
        while not _CENSUS.exists() or properties["ActiveState"] == "activating":
            status = systemctl("status", _SERVICE, _TIMER, "holder.service").stdout
            assert time.monotonic() < until, status
            assert properties["ActiveState"] != "failed", status
            time.sleep(1)
            properties = _shown(systemctl)
    part = read_part(_CENSUS)
    return {
        "properties": properties,
        "stamp_age": time.time() - _STAMP.stat().st_mtime,
        "hostname": os.uname().nodename,
        "host": part.host,
        "one_in": part.one_in,
        "pages": part.totals.pages,
        "rows": part.rows,
        "mode": _CENSUS.stat().st_mode & 0o777,
        "folder_mode": _CENSUS.parent.stat().st_mode & 0o777,
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
