"""What holds for every test."""

import signal

from hypothesis import settings

# A machine that does other work too may take a second for what takes a millisecond: speed is
# measured in tests/bench, where nothing else runs.
settings.register_profile("ghostswap", deadline=None)
settings.load_profile("ghostswap")

# Where tests run in the background, SIGINT is ignored, also by the commands that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
