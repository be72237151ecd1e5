"""Dumps of a machine that only another tool can read: refused, with the command that converts them.

Source: makedumpfile(8), and makedumpfile.h, KDUMP_SIGNATURE and MAKEDUMPFILE_SIGNATURE.
"""

from ghostswap.pages.layout import Dump, Layout

_ADVICE = {
    b"KDUMP   ": "is a kdump-compressed dump; turn it into ELF first: makedumpfile -E THIS NEW",
    b"makedumpfile\0": "is a flattened kdump; put it in order first: makedumpfile -R NEW < THIS",
}
_MAGIC_BYTES = max(map(len, _ADVICE))


def is_kdump(dump: Dump) -> bool:
    """True when a dump is kdump-compressed or flattened."""
    return dump.read(0, _MAGIC_BYTES).startswith(tuple(_ADVICE))


def layout(dump: Dump) -> Layout:
    """Raises ValueError with the command that turns the dump into one that can be read."""
    start = dump.read(0, _MAGIC_BYTES)
    raise ValueError(next(advice for magic, advice in _ADVICE.items() if start.startswith(magic)))
