"""What the running kernel was built with: the configuration that Linux keeps of itself."""

import re
import zlib
from pathlib import Path

from ghostswap.host.files import HostFiles

_LONGEST_BYTES = 4 << 20  # unpacked: those of distributions take 300 KB
_GZIP = 16 + zlib.MAX_WBITS  # zlib.decompressobj(): a gzip header is expected
_SETTING = re.compile(r"^CONFIG_(\w+)=(.+)$", re.MULTILINE)


def kernel_config(root: Path) -> dict[str, str]:
    """The settings of the kernel that the host below `root` runs, without their CONFIG_ prefix.

    From /proc/config.gz or /boot/config-RELEASE; empty where the host has neither.
    """
    files = HostFiles(root)
    packed = files.data("proc/config.gz")
    if packed is not None:
        try:
            text = zlib.decompressobj(_GZIP).decompress(packed, _LONGEST_BYTES)
            return parse_config(text.decode())
        except (zlib.error, UnicodeDecodeError):
            pass
    release = files.text("proc/sys/kernel/osrelease") or ""
    return parse_config(files.text(f"boot/config-{release}") or "")


def parse_config(text: str) -> dict[str, str]:
    """The settings that are on, by name: `y`, `m`, a number or a quoted string."""
    return dict(_SETTING.findall(text))
