"""Hundreds of ghosts in a row leave nothing behind: descriptors, devices, files, kernel memory."""

import pytest

from tests.vm.conftest import InGuest

CYCLES = 300
GROWTH = 1024  # bytes a cycle; less is caches that fill up


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_nothing_is_left_behind(version: str, in_guest: InGuest) -> None:
    measured = in_guest(version, "soak", CYCLES)
    before, after = measured["held"]
    assert after == before
    assert measured["slab_growth"] < GROWTH
