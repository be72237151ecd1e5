"""The command on a terminal of its own, as a user has it."""

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Mapping

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


UTF8 = {"LANG": "C.UTF-8"}


def on_terminal(*arguments: object, locale: Mapping[str, str] = UTF8) -> list[str]:
    """The lines that `ghostswap …` writes to a terminal of 80 columns, without colour; stderr goes
    with the test's. Of the locale only what `locale` names is in the environment."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (50, 80))
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LC_") and name not in ("LANG", "COLUMNS", "LINES", "NO_COLOR")
    }
    command = [sys.executable, "-m", "ghostswap", *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, env=kept | {"TERM": "xterm"} | dict(locale)
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # EIO: nobody has the terminal open any more
                break
            shown += part
        os.close(controller)
    assert process.returncode == 0, shown
    return _ESCAPES.sub("", shown.decode()).replace("\r\n", "\n").splitlines()
