"""What holds for every test."""

import os
import signal
from pathlib import Path

from hypothesis import settings

# Keeps tests, and Python programs that they start, from writing to this machine's DAMON.
_GUARD = Path(__file__).with_name("guard")
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(_GUARD), *filter(None, [os.environ.get("PYTHONPATH")])]
)
exec(compile((_GUARD / "sitecustomize.py").read_text(), "sitecustomize", "exec"), {})

# mkswap and swapon, which an ordinary user of Debian does not have in PATH.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# A machine that does other work too may take a second for what takes a millisecond: speed is
# measured in tests/bench, where nothing else runs.
settings.register_profile("ghostswap", deadline=None)
settings.load_profile("ghostswap")

# Where tests run in the background, SIGINT is ignored, also by the commands that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
