"""Swap areas and their headers as plain data, for JSON; sizes are bytes."""

import stat
from pathlib import Path

from ghostswap.swapfile.header import Header, format_uuid
from ghostswap.swapfile.inspection import Inspection
from ghostswap.swapfile.verdict import Verdict

SCHEMA = "ghostswap.inspect-file/1"
GHOST_FILE_SCHEMA = "ghostswap.mkghost/1"
LABEL_SCHEMA = "ghostswap.label/1"


def inspection_document(inspection: Inspection) -> dict[str, object]:
    """What `inspect PATH` tells of one path."""
    area, header = inspection.area, inspection.area.header
    return {
        "schema": SCHEMA,
        "path": str(area.path),
        "kind": area.kind.value,
        "header": None if header is None else _header_document(header),
        "verdicts": {
            kernel.value: _verdict_document(verdict)
            for kernel, verdict in inspection.verdicts.items()
        },
        "file": {
            "size_bytes": area.size,
            "allocated_bytes": area.allocated,
            "mode": file_mode(inspection),
            "uid": area.facts.st_uid,
            "filesystem": area.mount.filesystem if area.mount else None,
        },
        "swapon": {"accepted": inspection.refusal is None, "reason": inspection.refusal},
        "warnings": list(inspection.warnings),
    }


def _header_document(header: Header) -> dict[str, object]:
    return {
        "version": header.version,
        "last_page": header.last_page,
        "nr_badpages": header.nr_badpages,
        "uuid": format_uuid(header.uuid),
        "label": header.label,
        "page_size": header.page_size,
        "endianness": header.endianness.value,
        "bad_pages": list(header.bad_pages),
    }


def _verdict_document(verdict: Verdict) -> dict[str, object]:
    return {
        "accepted": verdict.accepted,
        "usable_pages": verdict.usable_pages,
        "checks": [
            {"name": check.name, "ok": check.ok, "message": check.message}
            for check in verdict.checks
        ],
    }


def file_mode(inspection: Inspection) -> str:
    """Who may read and write the file, in octal digits."""
    return f"{stat.S_IMODE(inspection.area.facts.st_mode):04o}"


def ghost_file_document(path: Path, header: Header) -> dict[str, object]:
    """What `mkghost` tells of the file that it wrote."""
    return {
        "schema": GHOST_FILE_SCHEMA,
        "path": str(path),
        "page_size": header.page_size,
        "pages": header.pages,
        "last_page": header.last_page,
        "usable_bytes": header.usable_bytes,
        "size_bytes": header.size_bytes,
        "uuid": format_uuid(header.uuid),
        "label": header.label,
        "endianness": header.endianness.value,
    }


def label_document(path: Path, header: Header) -> dict[str, object]:
    """What `label` tells of an area."""
    return {
        "schema": LABEL_SCHEMA,
        "path": str(path),
        "label": header.label,
        "uuid": format_uuid(header.uuid),
        "page_size": header.page_size,
        "endianness": header.endianness.value,
    }
