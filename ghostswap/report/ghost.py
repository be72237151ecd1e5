"""A ghost area as plain data, for JSON: what `on` and `off` did, or would do."""

from ghostswap.ghost.areas import Backend, GhostArea
from ghostswap.ghost.plan import SwitchOn

SCHEMA = "ghostswap.on/1"
DRY_RUN_SCHEMA = "ghostswap.on-dry-run/1"


def area_document(area: GhostArea, changed: bool) -> dict[str, object]:
    """A ghost area as `on` and `off` tell it in JSON; sizes in bytes, null where it is not on."""
    return {
        "schema": SCHEMA,
        "name": area.name,
        "way": area.backend.value,
        "device": str(area.device),
        "file": None if area.file is None else str(area.file),
        "size_bytes": area.size,
        "used_bytes": area.swap.used if area.swap else None,
        "priority": area.swap.priority if area.swap else None,
        "changed": changed,
    }


def switch_on_document(plan: SwitchOn, backend: Backend, lines: list[str]) -> dict[str, object]:
    """What `on --dry-run` tells in JSON: the area, and the shell lines that make it."""
    return {
        "schema": DRY_RUN_SCHEMA,
        "file": str(plan.file),
        "way": backend.value,
        "size_bytes": plan.size,
        "priority": plan.priority,
        "commands": lines,
    }
