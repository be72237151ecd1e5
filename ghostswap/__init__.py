"""ghostswap: what compressed swap and page dedup would save, in the kernel's own figures.

As a library: docs/library.md.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ghostswap.application.estimate import estimate
    from ghostswap.application.method import Engine, GroupBy, Idle, Method
    from ghostswap.application.plan import plan_swap
    from ghostswap.application.rules import rules_of
    from ghostswap.application.saving import save_census
    from ghostswap.application.sources import Sources
    from ghostswap.diagnose.findings import findings
    from ghostswap.errors import GhostswapError
    from ghostswap.host.processes import Selection
    from ghostswap.host.snapshot import read_host
    from ghostswap.kernel.recompression import Recompression
    from ghostswap.kernel.version import KernelVersion
    from ghostswap.report.estimate import document
    from ghostswap.swapfile.inspection import inspect_path
    from ghostswap.systems.footprint import System

__all__ = [
    "Engine",
    "GhostswapError",
    "GroupBy",
    "Idle",
    "KernelVersion",
    "Method",
    "Recompression",
    "Selection",
    "Sources",
    "System",
    "document",
    "estimate",
    "findings",
    "inspect_path",
    "plan_swap",
    "read_host",
    "rules_of",
    "save_census",
]

# Each is imported when it is first asked for: `ghostswap inspect` needs no NumPy.
_MODULES = {
    "application.estimate": ("estimate",),
    "application.method": ("Engine", "GroupBy", "Idle", "Method"),
    "application.plan": ("plan_swap",),
    "application.rules": ("rules_of",),
    "application.saving": ("save_census",),
    "application.sources": ("Sources",),
    "diagnose.findings": ("findings",),
    "errors": ("GhostswapError",),
    "host.processes": ("Selection",),
    "host.snapshot": ("read_host",),
    "kernel.recompression": ("Recompression",),
    "kernel.version": ("KernelVersion",),
    "report.estimate": ("document",),
    "swapfile.inspection": ("inspect_path",),
    "systems.footprint": ("System",),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
