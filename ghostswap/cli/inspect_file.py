"""What `ghostswap inspect PATH` shows of swap files and devices, as text and as JSON."""

from collections.abc import Sequence
from pathlib import Path

from ghostswap.application.ghost import inspect_area
from ghostswap.cli.render import complain, emphasised, note, print_json, printable, size_text
from ghostswap.errors import GhostswapError
from ghostswap.report.area import file_mode, inspection_document
from ghostswap.swapfile.area import Kind
from ghostswap.swapfile.fix import fix
from ghostswap.swapfile.header import format_uuid
from ghostswap.swapfile.inspection import Inspection
from ghostswap.swapfile.running import PAGE_SIZE
from ghostswap.swapfile.verdict import Kernel, Verdict
from ghostswap.units import format_size

_KINDS = {
    Kind.GHOST: "a ghost swap file: a header that stands for a swap area without blocks on disk",
    Kind.SWAPFILE: "a swap file",
    Kind.SWAP_DEVICE: "a swap device",
    Kind.TRUNCATED: "a swap area shorter than its header says",
    Kind.HIBERNATION_IMAGE: "a swap area that holds a suspended system",
    Kind.OLD_FORMAT: "a swap area of the old format, which no kernel since 2.5 takes",
    Kind.NOT_SWAP: "not a swap area",
}

_CHECKS = {
    "file_type": "a regular file or a block device",
    "signature": "SWAPSPACE2 at the end of the first page",
    "byte_order": "written on a machine of the other byte order, which is fine",
    "version": "version 1",
    "last_page": "a page besides the header",
    "maximum_size": "not more pages than a swap entry can name",
    "ghost_size": "exactly one page long: a ghost",
    "length": "as long as the header says",
    "bad_pages_in_file": "no bad pages, since it is a file",
    "bad_pages_count": "the bad pages fit in the header",
    "bad_page_range": "the bad pages lie in the area",
    "bad_page_twice": "no bad page is listed twice",
    "usable_pages": "a page left to swap to",
}


def show_files(paths: Sequence[Path], *, fix: bool, json: bool, exact: bool, quiet: bool) -> int:
    """Print what each of `paths` is; returns 1 if one is unreadable or no swap area, else 0."""
    shown, failed = [], False
    for path in paths:
        try:
            inspection = _fixed(path, quiet) if fix else inspect_area(path)
        except GhostswapError as error:
            complain(error)
            failed = True
            continue
        if inspection.area.kind is Kind.NOT_SWAP:
            complain(GhostswapError(path, _why_not_swap(inspection)))
            failed = True
        if json:
            shown.append(inspection_document(inspection))
        else:
            _show(inspection, exact)
    if json:
        print_json(shown)
    return 1 if failed else 0


def _fixed(path: Path, quiet: bool) -> Inspection:
    """The inspection of `path` after mending what can be."""
    fixed = fix(path)
    note(
        f"{path}: {format_size(fixed)} got blocks of their own"
        if fixed
        else f"{path}: nothing to mend",
        quiet,
    )
    return inspect_area(path)


def _why_not_swap(inspection: Inspection) -> str:
    check = inspection.verdicts[Kernel.STOCK].checks[-1]
    if check.name == "file_type":
        return f"not a swap area: {check.why}"
    if inspection.area.size < PAGE_SIZE:
        return f"not a swap area: {inspection.area.size} bytes, less than a page"
    return "not a swap area: no swap signature"


def _show(inspection: Inspection, exact: bool) -> None:
    area, header = inspection.area, inspection.area.header
    print(emphasised(f"{printable(str(area.path))}: {_KINDS[area.kind]}"))
    if header is not None:
        size = size_text(header.size_bytes, exact)
        print(f"  area        {header.pages} pages of {header.page_size} bytes ({size})")
        print(f"  label       {printable(header.label) or 'none'}")
        print(f"  UUID        {format_uuid(header.uuid)}")
        print(f"  header      version {header.version}, {header.endianness.value}-endian, ", end="")
        print(f"{header.nr_badpages} bad pages")
    print(f"  here        {size_text(area.size, exact)} long, ", end="")
    print(f"{size_text(area.allocated, exact)} allocated, ", end="")
    print(f"mode {file_mode(inspection)}, owner {area.facts.st_uid}", end="")
    print(f", on {area.mount.filesystem}" if area.mount else "")
    for kernel, verdict in inspection.verdicts.items():
        _show_verdict(kernel, verdict, exact)
    print("  swapon now  ", end="")
    print("would succeed" if inspection.refusal is None else f"would fail: {inspection.refusal}")
    for warning in inspection.warnings:
        print(f"  warning     {printable(warning)}")


def _show_verdict(kernel: Kernel, verdict: Verdict, exact: bool) -> None:
    if verdict.accepted:
        size = size_text(verdict.usable_pages * PAGE_SIZE, exact)
        answer = f"takes the header: {verdict.usable_pages} pages ({size}) to swap to"
    else:
        answer = "refuses the header"
    print(f"  {kernel.value} kernel {answer}")
    for check in verdict.checks:
        logged = f" [{check.message}]" if check.message else ""
        print(f"    {'ok' if check.ok else 'NO'}  {_CHECKS[check.name]}{logged}")
