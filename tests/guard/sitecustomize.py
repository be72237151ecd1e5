"""Python runs this first in tests and in the commands that they start: keeps them off DAMON.

DAMON of this machine may be in use by whoever runs it; only a guest's may be set up.
"""

import os
import sys

_DAMON = "/sys/kernel/mm/damon"


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or not isinstance(arguments[2], int):
        return
    path, writes = arguments[0], arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes and isinstance(path, str | bytes) and os.fsdecode(path).startswith(_DAMON):
        raise PermissionError(f"{path!r}: tests write to DAMON in a guest only")


if not os.environ.get("GHOSTSWAP_IN_GUEST"):
    sys.addaudithook(_refuse)
