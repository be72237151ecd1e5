"""Is zswap on, which alone gives the pages of a ghost area somewhere to go, and turn it on."""

from pathlib import Path

from ghostswap.errors import GhostswapError, os_reason

ENABLED = Path("/sys/module/zswap/parameters/enabled")
SHRINKER = ENABLED.with_name("shrinker_enabled")


def zswap_is_on(enabled: Path = ENABLED) -> bool:
    """True when zswap takes pages. Raises GhostswapError on a kernel that has no zswap."""
    try:
        return enabled.read_text().strip() in ("Y", "1")
    except OSError:
        raise GhostswapError(
            "zswap",
            "this kernel has none (CONFIG_ZSWAP), so the pages of a ghost area would have "
            "nowhere to go",
        ) from None


def shrinker_is_on(shrinker: Path = SHRINKER) -> bool:
    """True when zswap writes pages back before its pool is full (since v6.8)."""
    try:
        return shrinker.read_text().strip() in ("Y", "1")
    except OSError:
        return False


def set_zswap(on: bool, enabled: Path = ENABLED) -> None:
    """Turn zswap on or off; what it holds stays in it. Raises GhostswapError."""
    try:
        enabled.write_text("Y" if on else "N")
    except OSError as error:
        raise GhostswapError(enabled, os_reason(error)) from error
    if zswap_is_on(enabled) is not on:
        raise GhostswapError(enabled, "zswap did not start; the kernel log says why")
