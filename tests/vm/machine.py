"""Run one of the guest programs under another kernel, in QEMU, and bring its answer back.

The guest sees the host's files read-only, so it has this very Python and the project, and keeps
what it writes in its own memory. Nothing of the host's kernel is touched; no root is needed.
"""

import json
import lzma
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.vm.kernels import Kernel, search_path

_QEMU = "qemu-system-x86_64"
_PROJECT = Path(__file__).parents[2]
_GUEST = Path(__file__).with_name("guest")
_NEEDED = ("virtio_pci", "9pnet_virtio", "9p", "overlay")  # to see the host's files
# Set inside a guest, whose kernel tests may do with what they like.
IN_GUEST = "GHOSTSWAP_IN_GUEST"
_APPLETS = ("cat", "chroot", "cp", "insmod", "ln", "mkdir", "mount", "poweroff", "uname")
_FOLDERS = ("bin", "sbin", "dev", "host", "upper", "root", "modules")


def run_in_guest(
    kernel: Kernel, folder: Path, program: str, *arguments: object, timeout: float = 900.0
) -> Any:
    """What `python -m tests.vm.guest.PROGRAM ARGUMENTS` prints, as JSON, under `kernel`.

    `folder` takes the initramfs and console.log, which an AssertionError cites when the program
    fails or does not end within `timeout` seconds.
    """
    for needed in (_QEMU, "busybox", "setpriv"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    command = [sys.executable, "-m", f"tests.vm.guest.{program}", *map(str, arguments)]
    initramfs = _initramfs(kernel, folder, command)
    console, answer = folder / "console.log", folder / "answer"
    # Software emulation: it works everywhere. A CPU without AVX: QEMU 7.2 computes wrongly there,
    # which shows in numpy. setpriv: the guest dies with this process.
    qemu = [
        *("setpriv", "--pdeathsig", "KILL", _QEMU),
        *("-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", "1", "-m", "2048"),
        *("-nodefaults", "-no-reboot", "-display", "none"),
        *("-serial", f"file:{console}", "-serial", f"file:{answer}"),
        *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
        *("-kernel", str(kernel.image), "-initrd", str(initramfs)),
        *("-append", "console=ttyS0 panic=-1 quiet"),
    ]
    try:
        subprocess.run(qemu, timeout=timeout, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{_QEMU}: {error.stderr.decode()}")
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end within {timeout} s:\n{_end_of(console)}")
    text, _, status = answer.read_text().rpartition("ended with ")
    assert status.strip() == "0", f"{program}: status {status.strip()!r}\n{_end_of(console)}"
    return json.loads(text)


def _end_of(console: Path) -> str:
    return "\n".join(console.read_text(errors="replace").splitlines()[-40:])


def _initramfs(kernel: Kernel, folder: Path, command: list[str]) -> Path:
    """A new archive: busybox, the modules that the root file system takes, and the job."""
    tree = folder / "initramfs"
    for name in _FOLDERS:
        (tree / name).mkdir(parents=True)
    busybox = shutil.which("busybox")
    assert busybox is not None
    shutil.copy(busybox, tree / "bin/busybox")
    for name in _APPLETS:
        (tree / "bin" / name).symlink_to("busybox")
    shutil.copy(_GUEST / "init.sh", tree / "init")
    shutil.copy(_GUEST / "modprobe.sh", tree / "sbin/modprobe")
    for script in ("init", "sbin/modprobe"):
        (tree / script).chmod(0o755)

    order = _with_dependencies(kernel, _NEEDED)
    for module in order:
        (tree / "modules" / module.name.removesuffix(".xz")).write_bytes(_unpacked(module))
    names = [module.name.removesuffix(".xz") for module in order]
    (tree / "modules/order").write_text("".join(f"{name}\n" for name in names))
    (tree / "modules/folder").write_text(str(kernel.modules))

    job = (
        f"cd {shlex.quote(str(_PROJECT))}\nexport {IN_GUEST}=1\n"
        f"PATH={search_path()} exec {shlex.join(command)}\n"
    )
    (tree / "job").write_text(job)
    files = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    archive = subprocess.run(
        [busybox, "cpio", "-o", "-H", "newc"],
        input=files.encode(),
        cwd=tree,
        check=True,
        capture_output=True,
    )
    path = folder / "initramfs.cpio"
    path.write_bytes(archive.stdout)
    return path


def _with_dependencies(kernel: Kernel, names: tuple[str, ...]) -> list[Path]:
    """The files of modules, each after those that it needs; what is built in is left out."""
    if kernel.bzimage is not None:
        return []
    needs: dict[str, list[str]] = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[file] = others.split()
    by_name = {Path(file).name.partition(".")[0].replace("-", "_"): file for file in needs}
    order: list[str] = []
    for name in names:
        if (wanted := by_name.get(name)) is not None:
            # modules.dep lists the most basic last.
            order += [
                needed for needed in (*reversed(needs[wanted]), wanted) if needed not in order
            ]
    return [kernel.modules / file for file in order]


def _unpacked(module: Path) -> bytes:
    data = module.read_bytes()
    return lzma.decompress(data) if module.suffix == ".xz" else data
