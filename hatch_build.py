"""Compiles the models in C of ghostswap/census where a compiler is at hand; nothing fails where
none is.

The library is plain C that ctypes loads: no headers of Python are needed to build it, and one wheel
serves every Python of its platform. CC names the compiler; CC=false makes a wheel of Python alone.
"""

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCES = ("ghostswap/census/lz4.c", "ghostswap/census/lzorle.c")
_LIBRARY = "ghostswap/census/_models.so"
_OPTIONS = ("-O2", "-fPIC", "-shared")


class CompiledModels(BuildHookInterface[Any]):
    """Puts the library beside its source and into the wheel, which is then one of this platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        library = Path(self.root, _LIBRARY)
        if not self._compile(library):
            library.unlink(missing_ok=True)  # of an earlier source, maybe
            self.app.display_warning(
                "no C compiler: lz4 will be worked out by its library, lzo-rle in Python"
            )
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"].append(f"/{_LIBRARY}")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False

    def _compile(self, library: Path) -> bool:
        """Whether a compiler made it; programs that have the old one loaded keep that."""
        made = library.with_suffix(".new")
        named = os.environ.get("CC")
        for compiler in [named] if named else [sysconfig.get_config_var("CC"), "cc"]:
            command = [*shlex.split(compiler or "cc"), *_OPTIONS, "-o", str(made), *_SOURCES]
            try:
                subprocess.run(command, cwd=self.root, check=True, capture_output=True)
                made.replace(library)
                return True
            except (OSError, subprocess.CalledProcessError):
                made.unlink(missing_ok=True)
        return False
