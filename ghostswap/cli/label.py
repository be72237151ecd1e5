"""`ghostswap label`: show or change the label and the UUID of a swap area of any size."""

from pathlib import Path
from typing import Annotated

import typer

from ghostswap.cli import options
from ghostswap.cli.render import print_json, printable
from ghostswap.report.area import label_document
from ghostswap.swapfile.area import look_at
from ghostswap.swapfile.header import format_uuid
from ghostswap.swapfile.relabel import labelled, relabel


def label(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A swap file or device.")],
    text: Annotated[
        str | None,
        typer.Option(
            "-L", "--label", metavar="TEXT", help="New label, up to 15 bytes; '' for none."
        ),
    ] = None,
    uuid: Annotated[
        str | None, typer.Option("-U", "--uuid", metavar="UUID|random|nil", help="New UUID.")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Show or change the label and the UUID of a swap area.

    Also of a ghost, unlike swaplabel. An active area is not changed. Page size and byte order of
    the header stay as they are.
    """
    del quiet  # as every command takes it; this one has neither progress nor warnings

    if text is None and uuid is None:
        header = labelled(path, look_at(path).header)
    else:
        volume = None if text is None else options.label(text)
        header = relabel(path, volume, None if uuid is None else options.uuid(uuid))

    if json:
        print_json(label_document(path, header))
    else:
        print(f"LABEL: {printable(header.label)}".rstrip())
        print(f"UUID:  {format_uuid(header.uuid)}")
