"""The engines that answer the questions: DuckDB inside this process, or a Spark that is there.

Both are loaded only here, and only when one is asked for.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ghostswap.errors import GhostswapError, os_reason
from ghostswap.extras import missing

# What is being asked, for how many hosts that is done, of how many; 0 where it is asked of all.
Progress = Callable[[str, int, int], None]
_SPARK_TYPES = {
    "host": "string",
    "hash": "bigint",
    "kind": "tinyint",
    "copies": "bigint",
    "weight": "int",
}
COLUMNS = tuple(_SPARK_TYPES)
_STOPS_WITHIN = 0.05  # seconds
# What this program and its libraries take beside DuckDB, which knows of its own memory alone.
_OWN_BYTES = 256 << 20
_CONNECT_PORT = 15002  # of Spark Connect, unless the URL names one
_CONNECT_SECONDS = 10.0
_GLOBS = re.compile(r"[*?\[]")
_SPARK_GLOBS = re.compile(r"[*?\[\]{}\\]")


class EngineName(StrEnum):
    """What can answer."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class EngineError(Exception):
    """An engine could not answer, in its own words."""


class Engine:
    """Tables of Parquet files, and answers to expressions over them."""

    def __init__(
        self,
        name: EngineName,
        connection: Any,
        view: Callable[[str, list[str], list[str]], None],
        stop: Callable[[], object],
        rows_at_once: int,
    ) -> None:
        self.name = name
        self.rows_at_once = rows_at_once  # of several hosts, in one question
        self._connection = connection
        self._view = view
        self._stop = stop  # what runs now, from another thread
        self._tables = 0

    @contextmanager
    def rows(self, paths: Sequence[Path], algorithms: Sequence[str]) -> Iterator[Any]:
        """The rows of these files, an Ibis table with the columns that the questions read."""
        self._tables += 1
        name = f"census_{self._tables}"
        absolute = [str(path.absolute()) for path in paths]
        for path in absolute:
            if not path.isprintable():
                raise GhostswapError(path, "has a name that engines cannot take: rename the file")
        with _as_engine_error():
            self._interruptible(lambda: self._view(name, absolute, [*COLUMNS, *algorithms]))
            table = self._connection.table(name)
        try:
            yield table
        finally:
            with suppress(Exception):
                self._connection.drop_view(name, force=True)

    def answer(self, question: Any) -> Any:
        """The answer, a pyarrow.Table; EngineError where there is none."""
        with _as_engine_error():
            return self._interruptible(question.to_pyarrow)

    def _interruptible(self, work: Callable[[], Any]) -> Any:
        """What `work` returns. A signal stops the engine and is raised; inside an engine's own code
        it would be lost, or come out as a failure."""
        # Only here: they take longer to load than all else that --help needs of a fleet.
        from concurrent.futures import ThreadPoolExecutor, wait

        with ThreadPoolExecutor(1) as threads:
            future = threads.submit(work)
            try:
                return future.result()
            finally:
                while not future.done():  # again, should it not have begun yet
                    self._stop()
                    wait([future], _STOPS_WITHIN)


@contextmanager
def engine(name: EngineName, *, memory_bytes: int, master: str | None) -> Iterator[Engine]:
    """The engine of this name; GhostswapError where what it needs is missing.

    `memory_bytes` bounds DuckDB, which spills to a directory of its own in $TMPDIR (/var/tmp);
    `master` is Spark's URL, or sc://HOST for Spark Connect.
    """
    with ExitStack() as stack:
        if name is EngineName.SPARK:
            yield _spark(master or "local[*]", memory_bytes, stack)
        else:
            yield _duckdb(memory_bytes, stack)


def _duckdb(memory_bytes: int, stack: ExitStack) -> Engine:
    try:
        import ibis.backends.duckdb
    except ImportError:
        raise missing("fleet", "DuckDB", "fleet") from None
    connection = ibis.duckdb.connect(
        memory_limit=f"{memory_bytes - min(_OWN_BYTES, memory_bytes // 4)}B",
        threads=len(os.sched_getaffinity(0)),
        temp_directory=str(stack.enter_context(_spill_directory())),
        # Nothing is fetched, and no order of rows is kept that nobody asked for.
        autoinstall_known_extensions=False,
        autoload_known_extensions=False,
        preserve_insertion_order=False,
    )
    stack.callback(connection.disconnect)

    def view(table: str, paths: list[str], columns: list[str]) -> None:
        connection.read_parquet(
            [_GLOBS.sub(lambda match: f"[{match[0]}]", path) for path in paths],
            table_name=table,
            hive_partitioning=False,
            union_by_name=True,
        )

    return Engine(EngineName.DUCKDB, connection, view, connection.con.interrupt, 1 << 22)


def _spark(master: str, memory_bytes: int, stack: ExitStack) -> Engine:
    try:
        import ibis
        from pyspark.sql import SparkSession
    except ImportError:
        raise missing("--engine spark", "pyspark", "spark") from None
    connect = master.startswith("sc://")
    if not connect and shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise GhostswapError("--engine spark", "needs Java 17, or a Spark Connect at sc://HOST")
    builder = SparkSession.builder.appName("ghostswap fleet")
    if connect:
        _check_reachable(master)
        builder = builder.remote(master)
    else:
        builder = (
            builder.master(master)
            .config("spark.driver.memory", f"{max(memory_bytes >> 20, 512)}m")
            .config("spark.ui.enabled", "false")
            # One machine has no use for the 200 tasks that a cluster is given.
            .config("spark.sql.shuffle.partitions", 4 * len(os.sched_getaffinity(0)))
            .config("spark.ui.showConsoleProgress", "false")
        )
        if master.startswith("local"):  # nobody else is to reach it, nor need its own name resolve
            builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config(
                "spark.driver.host", "127.0.0.1"
            )
    with _as_unreachable(master), _silent(), warnings.catch_warnings(action="ignore"):
        with _own_sigint():
            session = builder.getOrCreate()
        connection = ibis.pyspark.connect(session)
    stack.callback(session.stop)

    def view(table: str, paths: list[str], columns: list[str]) -> None:
        schema = ", ".join(f"`{name}` {_SPARK_TYPES.get(name, 'int')}" for name in columns)
        read = session.read.schema(schema).option("recursiveFileLookup", "true")
        escaped = [_SPARK_GLOBS.sub(lambda match: f"\\{match[0]}", path) for path in paths]
        read.parquet(*(f"file://{path}" for path in escaped)).createOrReplaceTempView(table)

    return Engine(EngineName.SPARK, connection, view, session.interruptAll, 1 << 28)


def _check_reachable(master: str) -> None:
    """GhostswapError where nothing listens at sc://HOST[:PORT]: Spark itself would try it again for
    minutes, and say nothing."""
    try:
        address = urlsplit(master)
        host, port = address.hostname, address.port or _CONNECT_PORT
        if not host:
            raise ValueError("it names no host, as sc://HOST does")
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError as error:
        raise GhostswapError(f"--master {master}", os_reason(error)) from None
    except ValueError as error:
        raise GhostswapError(f"--master {master}", str(error)) from None


@contextmanager
def _spill_directory() -> Iterator[Path]:
    """A private directory for what does not fit into memory, removed in the end."""
    parent = Path(os.environ.get("TMPDIR") or "/var/tmp")
    path = parent / f"ghostswap-fleet-{secrets.token_hex(8)}"
    try:  # from before it is made: a signal may come as soon as it is
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            raise GhostswapError(parent, f"no room for what spills: {os_reason(error)}") from None
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _own_sigint() -> Iterator[None]:
    """SIGINT is ours afterwards: Spark sets a handler of its own for it."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


@contextmanager
def _silent() -> Iterator[None]:
    """Standard error goes nowhere, also that of what is started meanwhile: Java's own log."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


@contextmanager
def _as_unreachable(master: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise GhostswapError(f"--master {master}", _first_line(error)) from None


@contextmanager
def _as_engine_error() -> Iterator[None]:
    """What an engine raises is of many classes, and only its words matter; what it warns of, such
    as how Ibis calls it, is not for its users."""
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except GhostswapError:
        raise
    except Exception as error:
        raise EngineError(_first_line(error)) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
