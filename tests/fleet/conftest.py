"""Engines for the tests: one of each for all of them, since a Spark takes seconds to start."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghostswap.fleet.engine import Engine, EngineName, engine

MIB = 1 << 20
_SECONDS = 120  # a server has to listen within


@pytest.fixture(scope="session")
def duckdb() -> Iterator[Engine]:
    """DuckDB, with as little memory as it takes."""
    with engine(EngineName.DUCKDB, memory_bytes=256 * MIB, master=None) as found:
        yield found


def _spark_needed(*modules: str) -> None:
    for module in ("pyspark", *modules):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}: pip install 'ghostswap[spark]'")
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        pytest.skip("needs Java 17")


@pytest.fixture(scope="session")
def spark() -> Iterator[Engine]:
    """A real Spark inside this process."""
    _spark_needed()
    with engine(EngineName.SPARK, memory_bytes=512 * MIB, master="local[2]") as found:
        yield found


@pytest.fixture(scope="session")
def spark_connect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sc:// address of a real Spark Connect server, in a process of its own."""
    _spark_needed("grpc", "grpc_status")
    import pyspark

    home = Path(pyspark.__file__).parent
    (jar,) = (home / "jars").glob("spark-connect_*.jar")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": 2,
        "spark.sql.warehouse.dir": tmp_path_factory.mktemp("warehouse"),
        "spark.ui.enabled": "false",
    }
    program = "org.apache.spark.sql.connect.service.SparkConnectServer"
    command = [str(home / "bin" / "spark-submit"), "--master", "local[2]", "--class", program]
    command += ["--driver-memory", "512m"]
    command += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    log = tmp_path_factory.mktemp("connect") / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, str(jar)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"SPARK_HOME": str(home)},
            cwd=log.parent,
        )
    try:
        until = time.monotonic() + _SECONDS
        while not _listens(port):
            assert server.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < until, log.read_text()[-2000:]
            time.sleep(0.1)
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
