"""Debian's own kernels, by version: downloaded by apt, which checks them, and unpacked in a cache.

Nothing is installed; a kernel is downloaded once.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_PACKAGE = r"^linux-image-{version}\.[0-9][0-9.]*([-+][0-9a-z.+]+)?-amd64$"
BZIMAGE = "GHOSTSWAP_TEST_BZIMAGE"
_VARIANTS = ("-cloud-", "-rt-")  # built with fewer or other settings


@dataclass(frozen=True, slots=True)
class Kernel:
    """One unpacked kernel: `release` is what uname -r tells, `root` holds its boot/ and lib/.

    Of a kernel with everything built in there is only `bzimage`.
    """

    release: str
    root: Path
    bzimage: Path | None = None

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self.bzimage or self.root / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        """Its folder of modules, with modules.dep."""
        return self.root / "lib/modules" / self.release


def built_kernel() -> Kernel:
    """The kernel that GHOSTSWAP_TEST_BZIMAGE names, with all it needs built in; skips the test
    without one."""
    path = os.environ.get(BZIMAGE)
    if not path:
        pytest.skip(f"{BZIMAGE} names no kernel (one with page_idle, 9p, overlay, zram built in)")
    return Kernel("built-in", Path(path).parent, Path(path))


def debian_kernel(version: str) -> Kernel:
    """The newest kernel of `version` (such as 6.12) that apt knows; skips the test without one."""
    for program in ("apt-get", "apt-cache", "dpkg-deb", "depmod"):
        if shutil.which(program, path=search_path()) is None:
            pytest.skip(f"{program} is not installed: kernels are had as Debian packages")
    release = _newest(version)
    root = _cache() / release
    if not root.is_dir():
        _unpack(release, root)
    return Kernel(release, root)


def search_path() -> str:
    """PATH with the folders of system programs, which an ordinary user's may lack."""
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ghostswap-vm"


def _newest(version: str) -> str:
    pattern = _PACKAGE.format(version=re.escape(version))
    listing = _run("apt-cache", "search", "--names-only", pattern)
    packages = [line.split()[0] for line in listing.splitlines()]
    releases = [
        package.removeprefix("linux-image-")
        for package in packages
        if not any(variant in package for variant in _VARIANTS)
    ]
    if not releases:
        pytest.skip(f"apt knows no linux-image-{version} (try apt-get update, or backports)")
    return max(releases, key=lambda release: [int(n) for n in re.findall(r"\d+", release)])


def _unpack(release: str, root: Path) -> None:
    """Into a folder beside, then renamed: an interrupted download leaves no half kernel."""
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _run("apt-get", "-q", "download", f"linux-image-{release}", folder=part)
        (package,) = part.glob("*.deb")
        _run("dpkg-deb", "-x", package, part)
        package.unlink()
        _run("depmod", "-b", part, release)
        part.rename(root)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(*command: object, folder: Path | None = None) -> str:
    words = [str(word) for word in command]
    environment = os.environ | {"PATH": search_path()}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout
