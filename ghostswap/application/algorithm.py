"""Which compressor a plan measures with where nobody names one: the one that the host uses."""

from dataclasses import dataclass
from pathlib import Path

from ghostswap.census import codecs
from ghostswap.errors import GhostswapError
from ghostswap.host.files import HostFiles
from ghostswap.host.kconfig import kernel_config
from ghostswap.host.zram import read_zram
from ghostswap.systems.footprint import System
from ghostswap.systems.table import SYSTEMS, Pool

_OTHERWISE = "lz4"


@dataclass(frozen=True, slots=True)
class HostAlgorithm:
    """The compressor to measure with, and a sentence that says why; `replaced` where it is not the
    host's own. `slow` where a sample should do."""

    name: str
    why: str
    replaced: bool = False
    slow: bool = False


def algorithm_of_host(root: Path, system: System) -> HostAlgorithm:
    """That of zswap or zram below `root`, as it is set or else built in; lz4 where none is known,
    or where it cannot be measured."""
    in_zram = SYSTEMS[system].pool is Pool.ZRAM
    name = "zram" if in_zram else "zswap"
    used = _of_zram(root) if in_zram else _of_zswap(root)
    if not used:
        return HostAlgorithm(_OTHERWISE, f"This host names no compressor of {name}: {_OTHERWISE}.")
    try:
        codec = codecs.find(used)
    except GhostswapError:
        return HostAlgorithm(
            _OTHERWISE,
            f"{name} here uses {used}, which cannot be measured: it is {_OTHERWISE} instead.",
            replaced=True,
        )
    sampled = "; slow to measure, so by a sample" if codec.slow else ""
    return HostAlgorithm(used, f"{used} is what {name} here uses{sampled}.", slow=codec.slow)


def _of_zswap(root: Path) -> str | None:
    files = HostFiles(root)
    return files.text("sys/module/zswap/parameters/compressor") or _built_in(
        root, "ZSWAP_COMPRESSOR_DEFAULT"
    )


def _of_zram(root: Path) -> str | None:
    devices = sorted(read_zram(HostFiles(root)), key=lambda device: not device.in_use)
    named = [device.algorithm for device in devices if device.algorithm]
    return named[0] if named else _built_in(root, "ZRAM_DEF_COMP")


def _built_in(root: Path, setting: str) -> str | None:
    return kernel_config(root).get(setting, "").strip('"') or None
