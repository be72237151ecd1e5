"""Renew tests/fixtures/hosts/linux-VERSION from booted guests: what `inspect --root` reads there.

    python -m tests.vm.capture_hosts 6.1 6.12

Files are as the kernel gives them, save for the kernel's configuration, cut to what bears on swap.
"""

import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.vm.kernels import Kernel, debian_kernel
from tests.vm.machine import run_in_guest

HOSTS = Path(__file__).parents[1] / "fixtures/hosts"
_BEARS_ON_SWAP = re.compile(r"KSM|SWAP|Z3FOLD|ZBUD|ZPOOL|ZRAM|ZSMALLOC|TRANSPARENT_HUGEPAGE")


def capture(version: str) -> None:
    """Boot `version`, and put what it shows in place of the fixture that is there."""
    kernel = debian_kernel(version)
    with TemporaryDirectory() as folder:
        files: dict[str, str] = run_in_guest(kernel, Path(folder), "capture")
    files[f"boot/config-{kernel.release}"] = _config(kernel)
    host = HOSTS / f"linux-{version}"
    shutil.rmtree(host, ignore_errors=True)
    for name, text in files.items():
        path = host / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"{host}: {len(files)} files")


def _config(kernel: Kernel) -> str:
    lines = (kernel.root / "boot" / f"config-{kernel.release}").read_text().splitlines()
    return "".join(f"{line}\n" for line in lines if _BEARS_ON_SWAP.search(line))


if __name__ == "__main__":
    for word in sys.argv[1:]:
        capture(word)
