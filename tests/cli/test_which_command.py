"""docs/which-command.md: each block is run, in a folder that has what its reader has."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cores import Part, elf_core
from tests.fleets import census_of, save_host

PAGE = os.sysconf("SC_PAGE_SIZE")
TEXT = (Path(__file__).parents[2] / "docs" / "which-command.md").read_text()
SECTIONS = {
    section.split("\n", 1)[0]: re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for section in TEXT.split("\n## ")[1:]
}
# Sixteen MiB of text that compresses to a third or so, told of on stdout when it is there.
_PROGRAM = """
import random, sys
made = random.Random(1)
held = [bytearray((made.randbytes(1200) * 4)[:4096]) for _ in range(4096)]
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read, and `ghostswap` on the way to it."""
    made = tmp_path_factory.mktemp("which")
    command = made / "bin" / "ghostswap"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ghostswap "$@"\n')
    command.chmod(0o755)
    noise = random.Random(3)
    pages = b"".join((noise.randbytes(900) * 5)[:PAGE] for _ in range(3000))
    (made / "memory.core").write_bytes(elf_core(Part(pages)))
    (made / "censuses").mkdir()
    drawn = np.random.default_rng(5)
    for host in ("web-1", "web-2", "db-1"):
        census = census_of([drawn.integers(1, 20_000, 12_000).astype(np.uint64)])
        save_host(made / "censuses" / f"{host}.parquet", census, host, ram_bytes=8 << 30)
    return made


@pytest.fixture(scope="module", params=["firefox", "redis-server"])
def program(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """A process of that name that holds some memory."""
    name = str(request.param)
    link = folder / "bin" / name
    link.symlink_to(os.path.realpath(sys.executable))
    with subprocess.Popen(
        [link, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield name
        process.kill()


def run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def program_of(block: str) -> str | None:
    """The process that a block measures, or whose report it reads; None where it needs none."""
    if "firefox" in block:
        return "firefox"
    return "redis-server" if "redis-server" in block or "report.json" in block else None


def lines(program: str | None) -> list[str]:
    """Those that anybody may run, of the blocks that need this program."""
    blocks = [block for blocks in SECTIONS.values() for block in blocks]
    expected = [
        line for each in blocks if program_of(each) == program for line in each.splitlines()
    ]
    return [line for line in expected if not line.startswith("sudo ")]


def test_the_four_have_a_section_each_with_commands_that_anybody_may_run() -> None:
    assert len(SECTIONS) == 4
    for blocks in SECTIONS.values():
        plain = [line for block in blocks for line in block.splitlines() if "sudo" not in line]
        assert len([line for line in plain if line.startswith("ghostswap ")]) >= 3


def test_those_of_a_program(folder: Path, program: str) -> None:
    commands = lines(program)
    assert len(commands) >= 3
    for line in commands:
        done = run(folder, line)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize("line", lines(None))
def test_all_others(folder: Path, line: str) -> None:
    done = run(folder, line)
    assert done.returncode == 0, done.stderr
    assert done.stdout or ">" in line or "--plot" in line


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"^sudo (ghostswap .*)$", TEXT, re.MULTILINE)))
)
def test_those_for_root_name_options_that_there_are(folder: Path, line: str) -> None:
    """They change the machine or need it: tests/kernel and tests/vm run their like."""
    done = run(folder, f"{line} --help")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout or "Options" in done.stdout


def test_what_is_emitted_is_what_zram_generator_reads(folder: Path) -> None:
    assert run(folder, lines(None)[-1]).returncode == 0
    assert "[zram0]" in (folder / "zram-generator.conf").read_text()
