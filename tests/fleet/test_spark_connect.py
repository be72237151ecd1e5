"""A Spark Connect server counts as DuckDB does, to the last page; one that is not there is said."""

import json
import socket
import time
from pathlib import Path

import pytest

from tests.faults.command import run
from tests.fleet.test_survey import hosts_pages, saved

ARGUMENTS = ["fleet", "--json", "--kernel", "6.12"]


def test_a_connect_server_counts_as_duckdb_does(tmp_path: Path, spark_connect: str) -> None:
    saved(tmp_path, hosts_pages(8, hosts=2, pages=400))
    asked = ["--engine", "spark", "--master", spark_connect]
    done = run(*ARGUMENTS, *asked, tmp_path)
    assert done.returncode == 0, done.stderr
    own = run(*ARGUMENTS, tmp_path)
    assert json.loads(done.stdout) == json.loads(own.stdout) | {"engine": "spark"}
    plan = ["plan", "--fleet", "--json", "--kernel", "6.12", tmp_path]
    assert run(*plan, *asked).stdout == run(*plan).stdout != ""


@pytest.mark.parametrize(
    ("master", "why"),
    [
        ("sc://", "it names no host, as sc://HOST does"),
        ("sc://127.0.0.1:99999", "Port out of range 0-65535"),
        ("sc://127.0.0.1:PORT", "Connection refused"),
    ],
)
def test_a_server_that_is_not_there_is_said_at_once(master: str, why: str, tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    saved(tmp_path, hosts_pages(8, hosts=1, pages=40))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, and nobody listens
        named = master.replace("PORT", str(closed.getsockname()[1]))
        begin = time.monotonic()
        done = run("fleet", "--engine", "spark", "--master", named, tmp_path)
        assert time.monotonic() - begin < 60
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ghostswap: --master {named}: {why}\n"
