"""Whose rules an estimate follows: the running kernel's, or those of another version."""

from dataclasses import replace
from pathlib import Path

from ghostswap.errors import UsageError
from ghostswap.host.files import HostFiles
from ghostswap.host.kconfig import kernel_config
from ghostswap.host.kernel import running_kernel
from ghostswap.host.swaps import read_swaps
from ghostswap.kernel.rules import Rules, rules_for
from ghostswap.kernel.version import KernelVersion
from ghostswap.kernel.zswap import Allocator

_HERE = Path("/")


def rules_of(
    version: KernelVersion | None = None,
    allocator: Allocator | None = None,
    *,
    ghost: bool = False,
    writeback: bool = True,
    whole_huge_pages: bool = False,
) -> Rules:
    """The rules of a kernel, by default the running one, with zswap's pool by `allocator`, by
    default that kernel's; UsageError where it has none such.

    With `ghost`, every swap area is one, and huge pages come split, as `ghostswap on` has it set;
    without `writeback`, zswap writes nothing to disk.
    """
    running = running_kernel(_HERE)
    version = version or running
    if version == running:
        live_zpool = HostFiles(_HERE).text("sys/module/zswap/parameters/zpool")
        rules = replace(
            rules_for(version, kernel_config(_HERE), live_zpool),
            whole_huge_pages=any(
                area.type == "partition" and area.rotational is False
                for area in read_swaps(HostFiles(_HERE))
            ),
        )
    else:  # how another kernel was built, and is set up, is not known
        rules = rules_for(version, {})
    rules = replace(
        rules,
        ghost=ghost,
        writeback=writeback,
        whole_huge_pages=(whole_huge_pages or rules.whole_huge_pages) and not ghost,
    )
    if allocator is None:
        return rules
    if not allocator.exists(version):
        raise UsageError("--zpool", f"Linux {version} has no {allocator}; it went with 6.15")
    return replace(rules, allocator=allocator)
