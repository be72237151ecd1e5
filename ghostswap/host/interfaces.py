"""Which ways to swap without storage this kernel shows, found without changing anything.

None of them is in a released kernel yet: they are patches, so what counts is what is there, not the
version. Sources, all on linux-mm: ghost swap file (RFC, November 2025), /dev/ghostswap (RFC, swap
table phase IV, February 2026), virtual swap (v6, May 2026; swap table edition, June 2026), xswap
(v3, September 2026).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ghostswap.host.files import HostFiles
from ghostswap.host.ghost_files import takes_ghost_files
from ghostswap.host.swaps import Medium, SwapArea

_DEVICE = "dev/ghostswap"
_DEVICE_CLASS = "sys/class/mem"  # where every device of drivers/char/mem.c shows, also in captures
_VIRTUAL = ("VSWAP", "VIRTUAL_SWAP")


@dataclass(frozen=True, slots=True)
class Interfaces:
    """True: there; False: not there; None: cannot be told by looking."""

    one_page_file: bool | None  # swapon(2) of a one-page file; a capture shows it only in use
    ghostswap_device: bool | None  # /dev/ghostswap
    xswap: bool | None  # /sys/kernel/mm/xswap
    virtual_swap: bool | None  # CONFIG_VSWAP, which not every version of it has


def read_interfaces(
    files: HostFiles, swaps: Sequence[SwapArea], config: Mapping[str, str]
) -> Interfaces:
    """What the host shows; `config` is its kernel's configuration, empty where unknown."""
    ghost_file = any(
        area.medium is Medium.GHOST
        and (area.access or (area.type == "ghost" and area.path != b"/dev/ghostswap"))
        for area in swaps
    )
    return Interfaces(
        one_page_file=True if ghost_file else takes_ghost_files() if files.live else None,
        ghostswap_device=_device(files),
        xswap=_entry(files, "sys/kernel/mm", "xswap"),
        # v3 (February 2026) has no option of its own: its absence says nothing.
        virtual_swap=True if any(config.get(name) == "y" for name in _VIRTUAL) else None,
    )


def _device(files: HostFiles) -> bool | None:
    if files.exists(_DEVICE):
        return True
    return _entry(files, _DEVICE_CLASS, "ghostswap")


def _entry(files: HostFiles, folder: str, name: str) -> bool | None:
    """Whether `folder` holds `name`; None where a capture left the folder out."""
    names = files.names(folder)
    return name in names if names else None
