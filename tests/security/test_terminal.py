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


HOSTILE = "x\x1b[2J\x1b]0;title\x07\x9b31m\r\x08\u202e\u2028"


def hostile_host(root: Path) -> Path:
    """A capture of which every name and every word that is shown comes from somebody else."""
    name = HOSTILE.encode()
    files = {
        "proc/swaps": b"Filename Type Size Used Priority\n/" + name + b" f\x1b[31m 8 4 -2\n"
        b"/dev/zram0 " + b"partition 8 4 5\n",
        "proc/meminfo": b"MemTotal: 8 kB\nSwapTotal: 8 kB\nSwapFree: 4 kB\n" + name + b": 4 kB\n",
        "proc/sys/kernel/osrelease": b"6.12" + name,
        "sys/block/zram0/disksize": b"4096",
        "sys/block/zram0/comp_algorithm": b"[" + name + b"]",
        "sys/block/zram0/recomp_algorithm": b"#1: [" + name + b"]",
        "sys/block/zram0/backing_dev": b"/dev/" + name,
        "sys/block/zram0/bd_stat": b"1 2 3",
        "sys/block/zram0/io_stat": b"1 2 0 3",
        "sys/block/zram0/mm_stat": b"4096 100 100 0 100 0 0 0 0",
        "sys/module/zswap/parameters/enabled": b"Y",
        "sys/module/zswap/parameters/compressor": name,
        "sys/module/zswap/parameters/zpool": name,
        f"sys/kernel/debug/zswap/{HOSTILE}": b"3",
        f"sys/kernel/debug/zswap/reject_{HOSTILE}": b"3",
        f"sys/kernel/mm/ksm/{HOSTILE}": b"3",
        "sys/kernel/mm/ksm/pages_shared": b"3",
        "sys/kernel/mm/ksm/advisor_mode": b"[" + name + b"]",
        "sys/fs/cgroup/cgroup.controllers": b"memory",
        f"sys/fs/cgroup/{HOSTILE}/memory.zswap.current": b"4096",
        f"sys/fs/cgroup/{HOSTILE}/memory.zswap.max": b"4096",
    }
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


@pytest.mark.parametrize(
    "options",
    [(), ("--bytes",), ("--json",), ("--openmetrics",), ("--output", "NAME,TYPE,MEDIUM")],
    ids=" ".join,
)
def test_a_captured_host_is_text(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run("inspect", "--cgroups", "--root", hostile_host(tmp_path), *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert is_text(done.stdout)
    assert "title" in done.stdout
    if "--json" in options:
        document = json.loads(done.stdout)
        assert document["zswap"]["compressor"] == HOSTILE
        assert document["cgroups"][0]["path"] == f"/{HOSTILE}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "--root", "NAME"),
        ("inspect", "--output", "NAME"),
        ("inspect", "--fix", "NAME"),
        ("mkghost", "NAME", "--size", "1M"),
        ("mkghost", "NAME", "--size", "1M", "--json"),
        ("mkghost", "NAME", "--size", "1M", "--dry-run", "--force"),
        ("mkghost", "NAME", "--size", "NAME"),
        ("mkghost", "NAME", "--size", "1M", "--label", "NAME"),
        ("on", "NAME", "--dry-run", "--enable-zswap"),
        ("on", "NAME", "--dry-run", "--enable-zswap", "--json"),
        ("on", "NAME", "--priority", "NAME"),
        ("label", "NAME", "--label", "NAME"),
        ("plan", "NAME"),
        ("plan", "--ratio", "3", "--ram", "NAME"),
        ("plan", "--ratio", "NAME"),
        ("plan", "--ratio", "3", "--output", "NAME"),
        ("plan", "--ratio", "3", "--plot", "NAME"),
        ("estimate-dedup", "--name", "NAME"),
        ("estimate-dedup", "--user", "NAME"),
        ("estimate-dedup", "--cgroup", "NAME"),
        ("estimate-dedup", "--algorithm", "NAME", "/dev/null"),
        ("estimate-dedup", "--kernel", "NAME", "/dev/null"),
        ("NAME",),
        ("--NAME",),
    ],
    ids=" ".join,
)
def test_every_command_says_a_hostile_word_as_text(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Wherever the user's shell expanded `*` to what somebody else called a file."""
    word = os.fsdecode(HOSTILE.encode() + b"\n\xff")
    ghost = tmp_path / word
    if arguments[0] == "on":
        assert run("mkghost", ghost, "--size", "1M", "--quiet").returncode == 0
    paths = ("on", "mkghost", "label", "plan")
    places = [str(ghost) if arguments[0] in paths and at == 1 else word for at in range(9)]
    done = run(*(each.replace("NAME", places[at]) for at, each in enumerate(arguments)))
    assert done.returncode in (0, 1, 2)
    assert is_text(done.stdout + done.stderr)
    assert "internal error" not in done.stderr
    assert done.stderr.count("\n") <= 2
