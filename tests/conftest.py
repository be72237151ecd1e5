"""What holds for every test."""

from hypothesis import settings

# A machine that does other work too may take a second for what takes a millisecond: speed is
# measured in tests/bench, where nothing else runs.
settings.register_profile("ghostswap", deadline=None)
settings.load_profile("ghostswap")
