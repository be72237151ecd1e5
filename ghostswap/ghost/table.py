"""What a ghost area is made of for device mapper: its header page, and nothing behind it."""

from ghostswap.ghost.devicemapper import SECTOR, Target
from ghostswap.swapfile.running import PAGE_SIZE


def ghost_table(header: str, size: int) -> tuple[Target, Target]:
    """The table of a device of `size` bytes whose first page is that of the device `header`.

    Reads and writes of any other sector fail, so no page ever goes to a disk: zswap takes it, or
    it stays in memory.
    """
    first = PAGE_SIZE // SECTOR
    return (
        Target(0, first, "linear", f"{header} 0"),
        Target(first, size // SECTOR - first, "error"),
    )
