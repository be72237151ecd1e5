"""What KSM (kernel samepage merging) shares at most, and what it keeps to do so.

Source: mm/ksm.c, 6.1 to 6.18, on 64-bit.
"""

MAX_PAGE_SHARING = 256  # /sys/kernel/mm/ksm/max_page_sharing
RMAP_ITEM_BYTES = 64  # struct ksm_rmap_item, one per scanned page
STABLE_NODE_BYTES = 64  # struct ksm_stable_node, one per shared page, one per chain of those


def general_profit(pages_sharing: int, rmap_items: int, page_size: int) -> int:
    """Bytes that merging gains, less those of the items: ksm_process_profit() and general_profit in
    sysfs since 6.4. Negative where KSM costs more than it saves."""
    return pages_sharing * page_size - rmap_items * RMAP_ITEM_BYTES
