"""Libraries that only some options need: how the user adds one to the Python that runs here."""

import shlex
import sys
import sysconfig
from pathlib import Path

from ghostswap.errors import GhostswapError


def missing(where: object, library: str, extra: str) -> GhostswapError:
    """The error of an option or command that lacks `library`, which `extra` of ours brings."""
    return GhostswapError(where, f"needs {library}: {_installing(extra)}")


def _installing(extra: str) -> str:
    # A distribution's own Python refuses pip, by this file (PEP 668); a virtual environment has
    # none, and the pip of its very Python is the one that adds to it.
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    if sys.prefix == sys.base_prefix and marker.exists():
        return "install your distribution's package, or run ghostswap from a virtual environment"
    return f"{shlex.quote(sys.executable)} -m pip install 'ghostswap[{extra}]'"
