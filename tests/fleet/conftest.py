"""Engines for the tests: one of each for all of them, since a Spark takes seconds to start."""

import importlib.util
import os
import shutil
from collections.abc import Iterator

import pytest

from ghostswap.fleet.engine import Engine, EngineName, engine

MIB = 1 << 20


@pytest.fixture(scope="session")
def duckdb() -> Iterator[Engine]:
    """DuckDB, with as little memory as it takes."""
    with engine(EngineName.DUCKDB, memory_bytes=256 * MIB, master=None) as found:
        yield found


@pytest.fixture(scope="session")
def spark() -> Iterator[Engine]:
    """A real Spark inside this process."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("needs pyspark: pip install 'ghostswap[spark]'")
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        pytest.skip("needs Java 17")
    with engine(EngineName.SPARK, memory_bytes=512 * MIB, master="local[2]") as found:
        yield found
