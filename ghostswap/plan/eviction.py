"""How small swap must be for kubelet's eviction signal to fire.

memory.available of a node is MemTotal − (anon + file − inactive_file) of the root control group's
memory.stat (rootStatsFromMeminfo() of runc's cgroup library since opencontainers/runc#3933, 2023;
Kubernetes, "Node-pressure Eviction"). So kubelet takes for available what is neither: free memory,
what the kernel holds for itself, and the pool of swapped-out pages. When memory runs out, free is
what the kernel keeps free, no file page is inactive, and the pool is full: should their sum not be
below the threshold, processes are killed before kubelet evicts any.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ghostswap.kernel.slots import Cost, Load, memory
from ghostswap.systems.footprint import Footprint
from ghostswap.units import format_size

_MANY = 1 << 20  # slots, so many that a byte of them is none of one


@dataclass(frozen=True, slots=True)
class Threshold:
    """kubelet's threshold for memory.available: of as many bytes, or a share of MemTotal."""

    bytes: int = 0
    share: float = 0.0

    def of(self, capacity: int) -> int:
        """In bytes, of a node with so much memory."""
        return self.bytes + int(capacity * self.share)


@dataclass(frozen=True, slots=True)
class Eviction:
    """kubelet evicts pods once memory.available is below `threshold_bytes`; of what it counts as
    available, the kernel holds `kernel_bytes`, and keeps `reserved_bytes` free."""

    threshold_bytes: int
    kernel_bytes: int
    reserved_bytes: int

    @property
    def pool_bytes(self) -> int:
        """RAM that swapped-out pages may take, with what is kept of them; none where negative."""
        return self.threshold_bytes - self.kernel_bytes - self.reserved_bytes

    def slots(self, footprint: Footprint, error: float, parts: Sequence[Cost]) -> int:
        """Slots of an area that takes no more than that when it is full, if its pages take more
        than measured by the share `error`, and the area costs `parts`."""
        entries = footprint.entries_of(_MANY)
        of_area = memory(parts, Load(_MANY, _MANY, entries)) / _MANY
        of_pages = footprint.pool_bytes * (1 + error) + footprint.entry_bytes
        return int(max(0, self.pool_bytes) / (of_pages / footprint.slots + of_area))

    def why_not(self) -> str:
        """Why no area is small enough, in a line."""
        kernel, reserved = format_size(self.kernel_bytes), format_size(self.reserved_bytes)
        least = format_size(self.kernel_bytes + self.reserved_bytes)
        return (
            f"memory.available may not fall below {format_size(self.threshold_bytes)} however "
            f"small swap is: kubelet counts {kernel} of the kernel's and {reserved} that it keeps "
            f"free as available; a threshold well above {least} would leave room"
        )
