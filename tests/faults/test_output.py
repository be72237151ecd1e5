"""Where the output goes nowhere: a closed, full or abandoned stdout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.command import COMMAND, one_line, run

COMMANDS = [
    ("inspect", "--json"),
    ("plan", "--ratio", "3", "--ram", "1G"),
    ("--help",),
    ("--version",),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[0])
def test_a_full_output_is_one_line_and_status_1(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "ghostswap: standard output: No space left on device\n",
    )


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[0])
def test_a_closed_output_is_one_line_and_status_1(arguments: tuple[str, ...]) -> None:
    done = _with_closed(">&-", *arguments)
    assert (done.returncode, done.stderr) == (1, "ghostswap: standard output: is closed\n")


def test_nothing_is_written_where_what_was_done_could_not_be_said(tmp_path: Path) -> None:
    done = _with_closed(">&-", "mkghost", str(tmp_path / "ghost"), "--size", "1G")
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])


def test_a_closed_stderr_puts_no_message_into_the_output_or_a_file(tmp_path: Path) -> None:
    done = _with_closed("2>&-", "estimate-dedup", str(tmp_path / "none"))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    done = _with_closed("<&- 2>&-", "mkghost", str(tmp_path / "ghost"), "--size", "1G", "--quiet")
    assert done.returncode in (0, 2)
    assert all(path.stat().st_size == 4096 for path in tmp_path.iterdir())


@pytest.mark.parametrize("read", [0, 1, 100])
def test_a_reader_that_has_enough_sees_no_traceback(tmp_path: Path, read: int) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(os.urandom(4096) * 3)
    with subprocess.Popen(
        [*COMMAND, "estimate-dedup", "--json", str(dump)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(read)
        process.stdout.close()
        complaint = process.stderr.read()
    assert process.returncode in (0, 1)
    assert complaint == b""


def test_a_bad_file_name_is_still_one_line(tmp_path: Path) -> None:
    done = run("inspect", tmp_path / "a\nb\x1b[31m")
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert "\x1b" not in done.stderr


def _with_closed(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = f'exec "$@" {redirection}'
    command = ["sh", "-c", script, "sh", sys.executable, "-m", "ghostswap", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
