"""Names that others chose reach the terminal only as text: no escape, no second line."""

import json
import os
import pty
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from ghostswap.swapfile import header
from ghostswap.swapfile.layout import Endianness
from tests.faults.command import COMMAND, run

# CSI as two bytes and as one (C1), a title, a new line, a change of direction, no UTF-8, a wide one
NAMES = [
    b"\x1b[2J\x1b[31mred",
    b"\xc2\x9b31mred",
    b"\x1b]0;title\x07",
    b"two\nlines",
    b"back\x08\x08\rwards",
    "turned\u202eround".encode(),
    b"not\xffutf8",
    "😀".encode(),
]


def is_text(output: str, more: str = "") -> bool:
    """Whether nothing in it moves a cursor but new lines."""
    return all(
        char in "\n" + more or unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs")
        for char in output
    )


def dump_of(folder: Path, name: bytes) -> Path:
    """A dump by that name."""
    path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    path.write_bytes(bytes(4096) + b"x" * 4096 + os.urandom(8192))
    return path


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize(
    "arguments",
    [
        ("estimate-dedup", "--group-by", "source"),
        ("estimate-dedup", "--json"),
        ("inspect",),
        ("inspect", "--json"),
        ("label",),
        ("plan", "--ram", "1G"),
        ("plan", "--ram", "1G", "--emit", "shell", "--path"),
    ],
    ids=" ".join,
)
def test_a_file_name_is_text(tmp_path: Path, name: bytes, arguments: tuple[str, ...]) -> None:
    path = dump_of(tmp_path, name)
    more = ["--ratio", "3"] if "--path" in arguments else []
    done = run(*arguments, path, *more)
    assert done.returncode in (0, 1, 2)
    assert is_text(done.stdout + done.stderr)
    assert "internal error" not in done.stderr
    if "--json" in arguments:
        document = json.loads(done.stdout)
        named = (
            document[0]["path"] if isinstance(document, list) else document["sources"][0]["name"]
        )
        assert os.fsencode(named) == os.fsencode(path)


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_the_name_of_a_damaged_file_is_text(tmp_path: Path, name: bytes) -> None:
    path = dump_of(tmp_path, name)
    core = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\4\0\x3e\0".ljust(48, b"\0")
    path.write_bytes(core)
    done = run("estimate-dedup", path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert is_text(done.stderr)
    path.write_bytes(b"EMiL\1\0\0\0" + bytes(8) + b"\xff\x1f" + bytes(14) + bytes(4096))
    done = run("estimate-dedup", path)  # a warning: the range is longer than the file
    assert done.returncode == 1
    assert "truncated" in done.stderr
    assert is_text(done.stderr)


@pytest.mark.parametrize("arguments", [("label",), ("inspect",), ("inspect", "--json")])
def test_a_label_is_text(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = tmp_path / "area"
    volume = b"\x1b[31m\n\xc2\x9b1mX".ljust(16, b"\0")
    page = header.build(header.Header(1, 15, 0, (), bytes(16), volume, 4096, Endianness.LITTLE))
    path.write_bytes(page + bytes(15 * 4096))
    done = run(*arguments, path)
    assert done.returncode == 0
    assert is_text(done.stdout + done.stderr)


def test_the_name_of_a_process_is_text() -> None:
    program = (
        "import ctypes; ctypes.CDLL(None).prctl(15, b'\\x1b[31mev\\nil', 0, 0, 0);"
        "x = bytearray(8 << 20); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        done = [
            run("estimate-dedup", "--group-by", "source", "--pid", process.pid, *more)
            for more in ((), ("--json",))
        ]
        process.kill()
    for each in done:
        assert each.returncode == 0
        assert is_text(each.stdout + each.stderr)
        assert "ev" in each.stdout


def test_a_file_name_is_text_also_where_output_is_a_terminal(tmp_path: Path) -> None:
    path = dump_of(tmp_path, b"\x1b[2J\x1b]0;title\x07")
    controller, terminal = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "estimate-dedup", path], stdout=terminal, stderr=terminal, check=False
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            shown += os.read(controller, 4096)
        except OSError:
            break
    os.close(controller)
    assert done.returncode == 0
    assert b"[2J" in shown  # in words
    assert b"\x1b[2J" not in shown
    assert b"\x1b]0" not in shown
    assert b"\x07" not in shown


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_locale_cannot_show_is_no_failure(
    tmp_path: Path, locale: str, encoding: str
) -> None:
    path = dump_of(tmp_path, "größe 😀".encode())
    environment = os.environ | {"LC_ALL": locale, "PYTHONIOENCODING": encoding}
    for arguments in (("--group-by", "source"), ("--json",)):
        done = subprocess.run(
            [*COMMAND, "estimate-dedup", *arguments, path],
            capture_output=True,
            env=environment,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
