"""What the running kernel was built with: the configuration that Linux keeps of itself."""

import gzip
import re
from pathlib import Path

_SETTING = re.compile(r"^CONFIG_(\w+)=(.+)$", re.MULTILINE)


def kernel_config(root: Path) -> dict[str, str]:
    """The settings of the kernel that the host below `root` runs, without their CONFIG_ prefix.

    From /proc/config.gz or /boot/config-RELEASE; empty where the host has neither.
    """
    try:
        return parse_config(gzip.decompress((root / "proc/config.gz").read_bytes()).decode())
    except (OSError, EOFError, UnicodeDecodeError):
        pass
    try:
        release = (root / "proc/sys/kernel/osrelease").read_text().strip()
        return parse_config((root / "boot" / f"config-{release}").read_text())
    except (OSError, UnicodeDecodeError):
        return {}


def parse_config(text: str) -> dict[str, str]:
    """The settings that are on, by name: `y`, `m`, a number or a quoted string."""
    return dict(_SETTING.findall(text))
