"""`ghostswap mkghost`: write a ghost swap file, the header page of an area of any size."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from ghostswap.cli import options
from ghostswap.cli.render import note, print_json, printable, size_text, warn
from ghostswap.errors import UsageError
from ghostswap.files import directory_of
from ghostswap.host.kernel import page_size_or_own
from ghostswap.report.area import ghost_file_document
from ghostswap.swapfile.create import check_target, write_ghost
from ghostswap.swapfile.filesystem import mount_of
from ghostswap.swapfile.geometry import last_page_of, whole_pages
from ghostswap.swapfile.header import NATIVE, Header, build, format_uuid
from ghostswap.swapfile.layout import Endianness
from ghostswap.swapfile.running import PAGE_SIZE, running_kernel
from ghostswap.swapfile.verdict import Kernel

_IN_MEMORY = {"tmpfs", "ramfs"}


class ByteOrder(enum.StrEnum):
    """The byte orders one can ask for."""

    NATIVE = "native"
    LITTLE = "little"
    BIG = "big"


def mkghost(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to write.")],
    size: Annotated[
        int | None,
        typer.Option(
            "-s",
            "--size",
            parser=options.size,
            metavar="SIZE",
            help="Of the area, header page included: 512M, 64GiB, 2TB.",
        ),
    ] = None,
    pages: Annotated[
        int | None,
        typer.Option("--pages", metavar="N", help="The same in pages, the header page included."),
    ] = None,
    label: Annotated[
        str, typer.Option("-L", "--label", metavar="TEXT", help="Label, up to 15 bytes of UTF-8.")
    ] = "",
    uuid: Annotated[
        str, typer.Option("-U", "--uuid", metavar="UUID|random|nil", help="UUID of the area.")
    ] = "random",
    page_size: Annotated[
        int | None,
        typer.Option(
            "-p",
            "--page-size",
            parser=options.size,
            metavar="4096|8192|16384|65536",
            help="Of the kernel it is for, in bytes (default: this machine's).",
        ),
    ] = None,
    endianness: Annotated[
        ByteOrder, typer.Option("-e", "--endianness", help="Byte order of the header.")
    ] = ByteOrder.NATIVE,
    force: Annotated[
        bool, typer.Option("-f", "--force", help="Replace an existing regular file, atomically.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and show everything, write nothing.")
    ] = False,
    json: options.Json = False,
    exact: options.Bytes = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a ghost swap file: one page, for any size of area.

    It is the header of a swap area without blocks on disk, as mkswap writes it for an area of SIZE.
    A kernel with ghost swap keeps what is swapped to it compressed in memory (zswap). A stock
    kernel refuses the file; `ghostswap on` swaps to it all the same.
    """
    if path == Path("-"):
        raise UsageError("mkghost", "writes a file, and nothing to standard output: give PATH")
    page_size = page_size_or_own(page_size)
    header = Header(
        version=1,
        last_page=_last_page(size, pages, page_size),
        nr_badpages=0,
        bad_pages=(),
        uuid=options.uuid(uuid),
        volume=options.label(label),
        page_size=page_size,
        endianness=(NATIVE if endianness is ByteOrder.NATIVE else Endianness(endianness.value)),
    )
    check_target(path, replace=force)
    if not dry_run:
        write_ghost(path, build(header), replace=force)
    if _in_memory(path):
        warn("no kernel swaps to a file on tmpfs, and a reboot removes it", quiet)
    if running_kernel() is Kernel.STOCK:
        note("a kernel without ghost swap, like this one, answers EINVAL to swapon of it", quiet)
    if page_size != PAGE_SIZE:
        warn(f"pages of {page_size} bytes: no area for this machine, whose have {PAGE_SIZE}", quiet)
    if json:
        print_json(ghost_file_document(path, header))
    else:
        _show(path, header, exact=exact, dry_run=dry_run)


def _in_memory(path: Path) -> bool:
    with directory_of(path) as directory:
        mount = mount_of(directory)
    return mount is not None and mount.filesystem in _IN_MEMORY


def _last_page(size: int | None, pages: int | None, page_size: int) -> int:
    if size is not None and pages is None:
        return last_page_of(whole_pages(size, page_size), page_size)
    if pages is not None and size is None:
        return last_page_of(pages, page_size)
    raise UsageError("mkghost", "how large? give --size SIZE or --pages N, and not both")


def _show(path: Path, header: Header, *, exact: bool, dry_run: bool) -> None:
    size, usable = size_text(header.size_bytes, exact), size_text(header.usable_bytes, exact)
    written = "would be a ghost swap file" if dry_run else "a ghost swap file"
    print(f"{printable(str(path))}: {written} for {header.pages} pages ({size})")
    print(f"  usable     {header.last_page} pages ({usable}), the header page not counted")
    print(f"  page size  {header.page_size} bytes, {header.endianness.value}-endian")
    print(f"  label      {printable(header.label) or 'none'}")
    print(f"  UUID       {format_uuid(header.uuid)}")
